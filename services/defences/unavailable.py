"""What "unavailable" means, in one place: its reasons, whether it may have had an effect, and the answer it gets.

With any defence on, an availability error is a 503 with Retry-After and `effect` instead of the naive 500. The effect
is "none" until something was sent that cannot be taken back: a COMMIT, a statement that commits for itself, a call to
another service. A connection lost before that is a rollback.
"""

from typing import Any

import requests
import sqlalchemy as sa
from flask import Flask, Response, g, has_request_context, request
from sqlalchemy import event

from services.common.problems import Problem, unexpected
from services.defences import switch

RETRY_AFTER_S = "1"

OUTAGES = ("no_answer", "connection_lost", "dependency_unavailable")

SQLSTATES = {
    "40P01": "deadlock",
    "40001": "serialization_failure",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "25P03": "idle_in_transaction_timeout",
}


class Refused(Exception):
    """Raised by a defence that lets nobody through just now. Subclasses name their `reason`."""

    reason: str


def reason(error: BaseException) -> str:
    """Why `error` is about availability, in one word; "" when it is not."""
    if isinstance(error, Refused):
        return error.reason
    if isinstance(error, sa.exc.TimeoutError):
        return "pool_timeout"
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
        return _database_reason(error.orig)
    if isinstance(error, requests.HTTPError):
        return "dependency_unavailable" if error.response.status_code >= 500 else ""
    return "dependency_unavailable" if isinstance(error, (requests.ConnectionError, requests.Timeout)) else ""


def _database_reason(error: BaseException | None) -> str:
    state = getattr(error, "sqlstate", None)
    if state is None:  # nothing came from the server: the line was cut, or we gave up waiting
        return getattr(error, "reason", "connection_lost")
    return SQLSTATES.get(state, "connection_lost" if state[:2] in ("08", "53", "57") else "")


def is_outage(error: BaseException) -> bool:
    """Whether `error` says that a dependency is away, rather than busy or asked for something wrong."""
    return reason(error) in OUTAGES


def is_refusal(error: BaseException) -> bool:
    """Whether `error` was raised before the dependency was asked anything: it tells nothing about it."""
    return isinstance(error, (Refused, sa.exc.TimeoutError))


def effect_is_possible() -> None:
    """Note that this request is about to send what cannot be taken back."""
    if has_request_context():
        g.effect_is_possible = True


def watch(engine: sa.Engine) -> None:
    """Note what `engine` sends that cannot be taken back."""

    @event.listens_for(engine, "commit")
    def _(connection: sa.Connection) -> None:
        effect_is_possible()

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: sa.Connection, *_: Any) -> None:
        if getattr(connection.connection.dbapi_connection, "autocommit", False):
            effect_is_possible()


def init_app(app: Flask) -> None:
    """Answer availability errors of `app` with 503."""
    for kind in (
        Refused,
        sa.exc.OperationalError,
        sa.exc.InterfaceError,
        sa.exc.TimeoutError,
        requests.RequestException,
    ):
        app.register_error_handler(kind, _answer)


def _answer(error: Exception) -> Response:
    why = reason(error)
    if not why or not switch.any_on():
        return unexpected(error)
    harmless = request.method in ("GET", "HEAD", "OPTIONS") or not g.get("effect_is_possible", False)
    return Problem(
        503,
        f"unavailable: {why.replace('_', ' ')}",
        reason=why,
        effect="none" if harmless else "unknown",
        headers={"Retry-After": RETRY_AFTER_S},
    ).response()
