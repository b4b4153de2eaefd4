"""What "unavailable" means, in one place: which errors are about availability, and the reason for each.

The tables are next to this file: `database_failures` for PostgreSQL, `http_failures` for other services.
"""

import psycopg
import sqlalchemy as sa

from services.defences import database_failures, http_failures
from services.defences.deadline import LONGEST_WAIT_S, PATIENCE_S


class Refused(Exception):
    """Raised by a defence that does not let a request through. Subclasses name their `reason`."""

    reason: str


def reason(error: BaseException) -> str:
    """Why `error` is about availability, in one word; "" if it is not."""
    if isinstance(error, Refused):
        return error.reason
    if isinstance(error, sa.exc.TimeoutError):
        return "pool_timeout"
    if isinstance(error, (sa.exc.DBAPIError, psycopg.Error)):
        return database_rule(error).reason
    if isinstance(error, sa.exc.PendingRollbackError):
        return "session_state"
    rule = http_failures.rule_of(error)
    return rule.reason if rule else ""


def database_rule(error: BaseException) -> database_failures.Rule:
    """What an error of PostgreSQL or psycopg means, wrapped by SQLAlchemy or not."""
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    return database_failures.rule(error) if isinstance(error, psycopg.Error) else database_failures.BUG


def is_outage(error: BaseException) -> bool | None:
    """Whether `error` says that a dependency is down, rather than busy or wrongly asked; None if it says neither."""
    if is_refusal(error):
        return None
    if isinstance(error, (sa.exc.DBAPIError, psycopg.Error)):
        return database_rule(error).outage
    rule = http_failures.rule_of(error)
    if rule is http_failures.SILENT and getattr(error, "waited_s", LONGEST_WAIT_S) < PATIENCE_S:
        return None
    return rule.outage if rule else None


def is_refusal(error: BaseException) -> bool:
    """Whether `error` was raised before the dependency was asked, so that it says nothing about it."""
    return isinstance(error, (Refused, sa.exc.TimeoutError))
