"""What "unavailable" means, in one place: which errors are about availability, and the reason of each."""

import psycopg
import sqlalchemy as sa

from services.defences.http_failures import rule_of

OUTAGES = ("no_answer", "connection_lost")

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
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        return reason(error.orig)
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return _database_reason(error)
    rule = rule_of(error)
    return rule.reason if rule else ""


def _database_reason(error: psycopg.Error) -> str:
    state = getattr(error, "sqlstate", None)
    if state is None:  # nothing came from the server: the line was cut, or we gave up waiting
        return getattr(error, "reason", "connection_lost")
    return SQLSTATES.get(state, "connection_lost" if state[:2] in ("08", "53", "57") else "")


def is_outage(error: BaseException) -> bool:
    """Whether `error` says that a dependency is away, rather than busy or asked for something wrong."""
    rule = rule_of(error)
    return rule.outage if rule else reason(error) in OUTAGES


def is_refusal(error: BaseException) -> bool:
    """Whether `error` was raised before the dependency was asked anything: it tells nothing about it."""
    return isinstance(error, (Refused, sa.exc.TimeoutError))
