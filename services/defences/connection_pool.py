"""Connection pool: a few connections, kept open and handed from request to request.

Guards against paying for a connection with every request: TCP, start-up and authentication are five round trips, half
a second at 100 ms each, before the first statement. All are opened at the start: a pool that grows when the database
is slow makes its users wait at the worst time. And it bounds what one worker asks of PostgreSQL.
Costs SIZE open connections per worker, and the doubt whether the one you get still lives. A ping on every checkout
would double the round trips, so one is sent only when the connection has been idle for long or its socket has
something to read, which on an idle connection can only be a goodbye.
Hurts alone as a queue: whoever finds it empty waits, and a pool of dead connections is emptied by hanging requests.
Hence `deadline` for the holders, `bulkhead` for the waiters.
"""

import select
import time
from contextlib import ExitStack, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from services.defences import checkout, deadline
from services.defences.switch import on

SIZE = 8  # per worker
WAIT_S = 0.1
WARM_UP_S = 5.0
RECYCLE_S = 300
IDLE_S = 1.0
PING_S = 0.25


def options() -> dict[str, Any]:
    """Keywords for `create_engine`; SQLAlchemy's own choice when off."""
    if not on("connection_pool"):
        return {"poolclass": checkout.guarded(sa.QueuePool)}
    return {
        "poolclass": checkout.guarded(sa.QueuePool),
        "pool_size": SIZE,
        "max_overflow": 0,
        "pool_timeout": WAIT_S,
        "pool_recycle": RECYCLE_S,
        "pool_use_lifo": True,  # the few that are needed stay warm
    }


def watch(engine: sa.Engine) -> None:
    """Check the connections that `engine` hands out, as far as there is a reason to doubt them."""
    if not on("connection_pool"):
        return

    @event.listens_for(engine, "checkin")
    def _(connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout", insert=True)
    def _(connection: Any, record: Any, proxy: Any) -> None:
        idle_s = time.monotonic() - record.info.get("idle_since", time.monotonic())
        doubtful = idle_s > IDLE_S or connection.closed or _readable(connection)
        if doubtful and not _alive(engine, connection):
            raise sa.exc.DisconnectionError("the pooled connection is dead")  # the pool opens another


def warm_up(engine: sa.Engine) -> None:
    """Open every connection of `engine` now; those that cannot be had are opened when they are needed."""
    if not on("connection_pool"):
        return
    with ExitStack() as opened, suppress(sa.exc.SQLAlchemyError), deadline.at_most(WARM_UP_S):
        for _ in range(SIZE):
            opened.enter_context(engine.connect())


def _readable(connection: Any) -> bool:
    return bool(select.select([connection.fileno()], [], [], 0)[0])


def _alive(engine: sa.Engine, connection: Any) -> bool:
    try:
        with deadline.at_most(PING_S):
            return bool(engine.dialect.do_ping(connection))
    except engine.dialect.loaded_dbapi.Error:
        return False
