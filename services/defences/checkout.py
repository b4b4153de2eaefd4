"""The guards before the pool: a connection is requested only if the circuit is closed and the compartment has room.

This is not a defence of its own: `circuit_breaker` and `bulkhead` guard any call with a `with` block, and here the
blocks stay open for as long as a session holds a connection, whoever wrote the session's code.
"""

from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa
from flask import has_request_context, request
from sqlalchemy import event
from sqlalchemy.pool import Pool, PoolProxiedConnection

from services.defences import bulkhead, circuit_breaker
from services.defences.unavailable import database_rule


def guarded(base: type[Pool]) -> type[Pool]:
    """`base`, with the guards in front of it."""
    return type(f"Guarded{base.__name__}", (_Guarded, base), {})


class _Guarded(Pool):
    def connect(self) -> PoolProxiedConnection:
        with ExitStack() as guards:
            guards.enter_context(circuit_breaker.guard("database"))
            guards.enter_context(bulkhead.slot("database", _route()))
            connection = super().connect()
            _notes(connection)["guards"] = guards.pop_all()
        return connection


def _route() -> str:
    """What the connection is for: each route has its own compartment."""
    return f"{request.method} {request.url_rule}" if has_request_context() else ""


def watch(engine: sa.Engine) -> None:
    """Discard broken connections of `engine`, and tell the guards how each use ended."""

    @event.listens_for(engine, "handle_error")
    def _(context: sa.ExceptionContext) -> None:
        if database_rule(context.original_exception).broken:
            context.is_disconnect = True
        if context.connection is not None and not context.connection.closed:
            _notes(context.connection.connection)["error"] = context.original_exception

    @event.listens_for(engine, "after_cursor_execute")
    def _(*_: Any) -> None:
        circuit_breaker.learn("database", None)

    @event.listens_for(engine, "checkin")
    def _(connection: Any, record: Any) -> None:
        notes = record.record_info
        error, guards = notes.pop("error", None), notes.pop("guards", None)
        if guards is not None:
            guards.__exit__(type(error) if error else None, error, None)


def _notes(connection: Any) -> dict[str, Any]:
    """Notes on a place in the pool, which outlive the connection that is in it now."""
    return connection.record_info
