"""Honest errors: what is unavailable answers 503, says whether anything was done, and when to come back.

Guards the one who must decide what to do next: `effect` "none" means that asking again is safe, "unknown" that it is so
only under a key. It is "none" until something was sent that cannot be taken back: a COMMIT, a write that commits for
itself, a call to another service. A connection lost before that is a rollback.
Costs keeping the books of what was sent, in every code path that sends something.
Hurts alone if it lies: a client believes it, and does not ask again, or asks twice.
"""

from typing import Any

import requests
import sqlalchemy as sa
from flask import Flask, Response, g, has_request_context, request
from sqlalchemy import event

from services.common.problems import Problem, unexpected
from services.defences.switch import on
from services.defences.unavailable import Refused, reason

RETRY_AFTER_S = "1"


def effect_is_possible() -> None:
    """Note that this request is about to send what cannot be taken back."""
    if has_request_context():
        g.effect_is_possible = True


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
    for kind in (Refused, sa.exc.DBAPIError, sa.exc.TimeoutError, requests.RequestException):
        app.register_error_handler(kind, _answer)


def _answer(error: Exception) -> Response:
    why = reason(error)
    if not why or not on("honest_errors"):
        return unexpected(error)
    harmless = request.method in ("GET", "HEAD", "OPTIONS") or not g.get("effect_is_possible", False)
    return Problem(
        503,
        f"unavailable: {why.replace('_', ' ')}",
        reason=why,
        effect="none" if harmless else "unknown",
        headers={"Retry-After": RETRY_AFTER_S},
    ).response()
