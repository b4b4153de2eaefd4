"""What stands before the pool: a connection is asked for only if the circuit is closed and the compartment has room.

A defence of its own it is not: `circuit_breaker` and `bulkhead` guard any call by a `with` block, and this holds their
blocks open for as long as a session keeps a connection, whoever wrote the session's code.
"""

from contextlib import ExitStack
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import Pool, PoolProxiedConnection

from services.defences import bulkhead, circuit_breaker


def guarded(base: type[Pool]) -> type[Pool]:
    """`base`, with the guards before it."""
    return type(f"Guarded{base.__name__}", (_Guarded, base), {})


class _Guarded(Pool):
    def connect(self) -> PoolProxiedConnection:
        with ExitStack() as guards:
            guards.enter_context(circuit_breaker.guard("database"))
            guards.enter_context(bulkhead.slot("database"))
            connection = super().connect()
            if connection.record_info is not None:
                connection.record_info["guards"] = guards.pop_all()
        return connection


def watch(engine: sa.Engine) -> None:
    """Let the guards learn how each use of a connection of `engine` ended."""

    @event.listens_for(engine, "handle_error")
    def _(context: sa.ExceptionContext) -> None:
        if context.connection is not None and not context.connection.closed:
            info = context.connection.connection.record_info
            if info is not None:
                info["error"] = context.sqlalchemy_exception

    @event.listens_for(engine, "checkin")
    def _(connection: Any, record: Any) -> None:
        error = record.record_info.pop("error", None)
        guards = record.record_info.pop("guards", None)
        if guards is not None:
            guards.__exit__(type(error) if error else None, error, None)
