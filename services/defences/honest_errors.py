"""Honest errors: what is unavailable answers 503, says whether anything was done, and when to come back.

Guards the one who must decide what to do next: `effect` "none" means that asking again is safe, "unknown" that it is so
only under a key. It is "none" until something was sent that cannot be taken back: a COMMIT, a write that commits for
itself, a call to another service. A connection lost before that is a rollback. Under a key it speaks of all tries: this
one may have done nothing, and one before it all.
Costs keeping the books of what was sent, in every code path that sends something.
Hurts alone if it lies: a client believes it, and does not ask again, or asks twice.
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

RETRY_AFTER_S = (1, 3)  # drawn, or all who were refused at one time would come back at one time


def members(problem: Problem) -> dict[str, str]:
    """What a problem document says beyond the naive one: the reason, in one word that programs can rely on."""
    return {"reason": problem.reason} if on("honest_errors") else {}


def location(endpoint: str, **ids: Any) -> dict[str, str]:
    """The header that says where to find what was made, so that a client can look before it asks again."""
    return {"Location": url_for(endpoint, **ids)} if on("honest_errors") else {}


def effect_is_possible() -> None:
    """Note that this request is about to send what cannot be taken back."""
    if has_request_context():
        g.effect_is_possible = True


def effect_is_undone() -> None:
    """Note that whatever this request has done, or an earlier one with its key, is surely undone."""
    g.effect_is_possible, g.key_is_free = False, True


@contextmanager
def call() -> Iterator[None]:
    """Note that the call to another service in the block may have an effect, unless its failure says it had none."""
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
    """Note what `engine` sends that cannot be taken back: commits, and writes outside a transaction."""

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
    if rule_of(error) is DECLINED:
        return Problem(402, "the payment was declined", reason=why, effect="none").response()
    wait_s = max(random.randint(*RETRY_AFTER_S), math.ceil(retry_after_s(error)))
    return Problem(
        503,
        f"unavailable: {why.replace('_', ' ')}",
        reason=why,
        effect=effect,
        headers={"Retry-After": str(wait_s)},
    ).response()
