"""Honest errors: when something is unavailable, answer 503, and say whether anything was done and when to try again.

Guards the client, which must decide what to do next: `effect` "none" means that repeating is safe, "unknown" that it is
safe only under a key. It is "none" until something is sent that cannot be taken back: a COMMIT, a write outside a
transaction, a call to another service. A connection lost before that means a rollback. Under a key, `effect` covers all
tries: this one may have done nothing, and an earlier one everything.
Costs keeping track of what was sent, in every code path that sends something.
Hurts alone if it lies: the client believes it, and gives up a write that was never made, or makes one twice.
"""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import requests
import sqlalchemy as sa
import urllib3
from flask import Flask, Response, g, has_request_context, request, url_for
from sqlalchemy import event

from services.common.problems import Problem, unexpected
from services.defences import idempotency
from services.defences.http_failures import DECLINED, retry_after_s, rule_of
from services.defences.switch import on
from services.defences.unavailable import Refused, is_refusal, reason

RETRY_AFTER_S = (1, 3)  # random, so that clients refused together do not come back together


def members(problem: Problem) -> dict[str, str]:
    """What a problem document says beyond that of the naive twin: the reason, as one word for programs."""
    return {"reason": problem.reason} if on("honest_errors") else {}


def location(endpoint: str, **ids: Any) -> dict[str, str]:
    """The header that says where the new thing is, so that a client can look before it repeats the request."""
    return {"Location": url_for(endpoint, **ids)} if on("honest_errors") else {}


def effect_is_possible() -> None:
    """Note that this request is about to send something that cannot be taken back."""
    if has_request_context():
        g.effect_is_possible = True


def effect_is_undone() -> None:
    """Note that everything done by this request, or an earlier one with its key, is certainly undone."""
    g.effect_is_possible, g.key_is_free = False, True


@contextmanager
def call() -> Iterator[None]:
    """Note that the call to another service in the block may take effect, unless its failure says otherwise."""
    before = g.get("effect_is_possible", False)
    effect_is_possible()
    try:
        yield
    except Exception as error:
        rule = rule_of(error)
        if is_refusal(error) or (rule and not rule.may_be_done):
            g.effect_is_possible = before
        raise


def watch(engine: sa.Engine) -> None:
    """Note when `engine` sends what cannot be taken back: commits, and writes outside a transaction."""

    @event.listens_for(engine, "commit")
    def _(connection: sa.Connection) -> None:
        effect_is_possible()

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
        alone = getattr(connection.connection.dbapi_connection, "autocommit", False)
        if alone and not statement.lstrip().upper().startswith("SELECT"):
            effect_is_possible()


def init_app(app: Flask) -> None:
    """Answer availability errors of `app` with 503."""
    over_http: tuple[type[Exception], ...] = (requests.RequestException, urllib3.exceptions.HTTPError)
    of_database = (psycopg.Error, sa.exc.DBAPIError, sa.exc.PendingRollbackError, sa.exc.TimeoutError)
    for kind in (Refused, *of_database, *over_http):
        app.register_error_handler(kind, _answer)


def _answer(error: Exception) -> Response:
    why = reason(error)
    if not why or not on("honest_errors"):
        return unexpected(error)
    possible = g.get("effect_is_possible", False) or idempotency.in_doubt()
    harmless = request.method in ("GET", "HEAD", "OPTIONS") or not possible
    effect = "none" if harmless else "unknown"
    if rule_of(error) is DECLINED and effect == "none":
        return Problem(402, "the payment was declined", reason=why, effect="none").response()
    wait_s = max(random.randint(*RETRY_AFTER_S), math.ceil(retry_after_s(error)))
    return Problem(
        503,
        f"unavailable: {why.replace('_', ' ')}",
        reason=why,
        effect=effect,
        headers={"Retry-After": str(wait_s)},
    ).response()
