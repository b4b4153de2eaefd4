"""Connection pool: SIZE connections, open before the first request; lost ones are reopened in the background.

Guards against paying for a connection inside a request: TCP, start-up and authentication take four round trips, 0.4 s
at 100 ms each, before the first statement. Here a request takes an open connection, or waits for one until its
deadline; threads of the pool open the missing ones. A connection that has failed, has grown old, or has unexpected data
to read (most likely the server's goodbye) is dropped, even while idle, and the others are kept. There is no ping:
it would cost a round trip just to learn that the next one will work. Only as many are reopened as requests wait for,
and at least SPARE: opening all at once would take CPU time from those very requests. If many wait, the newest goes
first: served in order, each would get its turn just before its deadline, too late to finish. When a connection breaks,
the idle ones are suspect, too: only one request per TRIAL_S may try one, until the database answers or a new connection
is open.
Costs up to SIZE open connections per worker, busy or not.
Hurts alone as a queue: a request that finds the pool empty waits, and when connections stop answering, hanging requests
soon empty the pool. Hence `deadline` for those that hold one, `bulkhead` for those that wait.
"""

import random
import select
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from services.defences import checkout, deadline
from services.defences.database_failures import LOST, Rule
from services.defences.openers import Openers
from services.defences.switch import on
from services.defences.unavailable import database_rule

SIZE = 20  # per worker
WAIT_S = 1.0  # for requests without a deadline
WARM_UP_S = 1.0  # meanwhile, clients wait in the backlog of the server
SPARE = 2
AGE_MAX_S = 300.0
KEEP_S, TRIAL_S = 0.1, 0.25  # between two looks at what is idle and who waits; between two trials


class NoConnection(psycopg.OperationalError):
    """No connection could be had before the deadline."""

    def __init__(self, message: str = "", *, outage: bool | None = True) -> None:
        super().__init__(message)
        self.rule = Rule(reason="no_connection", outage=outage)


def options() -> dict[str, Any]:
    """Keywords for `create_engine`; SQLAlchemy's own pool when off."""
    if not on("connection_pool"):
        return {"poolclass": checkout.guarded(sa.QueuePool)}
    # The app itself, since the openers run outside requests.
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return {"poolclass": checkout.guarded(WarmPool), "app": app}


def watch(engine: sa.Engine) -> None:
    """If one connection of `engine` fails, drop only that one: the others may be fine, as the next answer will show."""
    if not isinstance(pool := engine.pool, WarmPool):
        return

    @event.listens_for(engine, "handle_error")
    def _(context: sa.ExceptionContext) -> None:
        context.invalidate_pool_on_disconnect = False
        if database_rule(context.original_exception) is LOST:
            pool.distrust()
        elif getattr(context.original_exception, "sqlstate", None):  # an answer, though not the one we wanted
            pool.trust()

    @event.listens_for(engine, "after_cursor_execute")
    def _(*_: Any) -> None:
        pool.trust()


def warm_up(engine: sa.Engine) -> None:
    """Open the connections of `engine` now; those that take too long come later."""
    if isinstance(engine.pool, WarmPool):
        engine.pool.warm_up(WARM_UP_S)


class WarmPool(Pool):
    """SIZE connections, opened ahead of the requests by a few threads."""

    def __init__(self, creator: Any, app: Flask, size: int = SIZE, **how: Any) -> None:
        super().__init__(creator, **how)
        self._app, self._size, self._open = app, size, 0
        self._idle: list[ConnectionPoolEntry] = []
        self._changed = threading.Condition()
        self._waiting: list[object] = []  # a ticket for each waiting request, the newest last
        self._openers = Openers(app, self._changed, self._missing)
        self._trusted, self._next_trial_at = True, 0.0
        self._spare = size
        self._disposed = threading.Event()

    def warm_up(self, within_s: float) -> None:
        threading.Thread(target=self._keep, name="pool", daemon=True).start()
        with self._changed:
            self._open_missing()
            self._changed.wait_for(lambda: self._open >= self._size, within_s)
            self._spare = SPARE

    def _keep(self) -> None:
        while not self._disposed.wait(KEEP_S):
            with self._changed:
                self._drop_unusable()
                self._open_missing()
                self._changed.notify_all()  # the next trial may be due

    def _drop_unusable(self) -> None:
        for record in [record for record in self._idle if not self._usable(record)]:
            self._idle.remove(record)
            self._drop(record)

    def recreate(self) -> "WarmPool":
        how = {"dialect": self._dialect, "_dispatch": self.dispatch, "reset_on_return": self._reset_on_return}
        return type(self)(self._creator, self._app, self._size, **how)

    def dispose(self) -> None:
        with self._changed:
            self._disposed.set()
            self._openers.closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for record in idle:
            record.close()

    def status(self) -> str:
        opening = self._openers.count
        return f"{self._open} of {self._size} open, {len(self._idle)} idle, {opening} being opened"

    def distrust(self) -> None:
        """A connection broke, so perhaps all are broken. If more of them break, the next trial is not put off."""
        with self._changed:
            if self._trusted:
                self._trusted, self._next_trial_at = False, time.monotonic() + TRIAL_S

    def trust(self) -> None:
        """The database has answered."""
        if not self._trusted:
            with self._changed:
                self._trusted = True
                self._changed.notify_all()

    def _do_get(self) -> ConnectionPoolEntry:
        """The most recently used connection, so that the few in use stay warm."""
        came_at = time.monotonic()
        ends_at = came_at + max(0.0, deadline.left_s(WAIT_S))
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while True:
                    self._open_missing()
                    if not self._served(ticket):
                        if time.monotonic() >= ends_at:
                            raise self._none(time.monotonic() - came_at)
                        self._changed.wait(max(0.0, ends_at - time.monotonic()))
                    elif self._usable(record := self._idle.pop()):
                        self._next_trial_at = time.monotonic() + TRIAL_S
                        return record
                    else:
                        self._drop(record)
            finally:
                self._waiting.remove(ticket)

    def _served(self, ticket: object) -> bool:
        """Whether there is a connection for this one; the newest come first, because they have the most time left."""
        if not self._trusted and time.monotonic() < self._next_trial_at:
            return False
        return ticket in self._waiting[max(0, len(self._waiting) - len(self._idle)) :]

    def _none(self, waited_s: float) -> Exception:
        if self._open == 0:
            outage = waited_s >= deadline.PATIENCE_S or None  # else it just had too little time left
            return NoConnection("no connection is open, and none could be opened in time", outage=outage)
        if not self._trusted:
            return NoConnection("since one has broken, the others are tried one at a time", outage=None)
        return sa.exc.TimeoutError("all connections of the pool are in use")

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        with self._changed:
            if self._usable(record) and not self._disposed.is_set():
                self._idle.append(record)
                self._changed.notify_all()
            else:
                self._drop(record)
                self._open_missing()

    def _drop(self, record: ConnectionPoolEntry) -> None:
        self._open -= 1
        with suppress(Exception):
            record.close()

    def _missing(self) -> int:
        """How many more to open: one per waiting request, at least SPARE; one as a trial while none is trusted."""
        wanted = max(len(self._waiting), self._spare) - len(self._idle)
        return min(self._size - self._open, wanted if self._trusted else max(1, wanted))

    def _open_missing(self) -> None:
        self._openers.start(self._create_connection, self._add)

    def _add(self, record: ConnectionPoolEntry) -> None:
        # Random, so that they do not all expire at the same time.
        record.info["ends_at"] = time.monotonic() + AGE_MAX_S * random.uniform(0.8, 1.0)
        with self._changed:
            self._open, self._trusted = self._open + 1, True
            # There may be too many: an attempt that hung has succeeded after all.
            if self._disposed.is_set() or self._open > self._size:
                self._drop(record)
            else:
                self._idle.append(record)
                self._changed.notify_all()
                self._open_missing()  # if one got through, the others need not wait

    def _usable(self, record: ConnectionPoolEntry) -> bool:
        connection: Any = record.dbapi_connection
        if connection is None or connection.closed:
            return False
        # While no new one can be had, an old one is better than none.
        if time.monotonic() > record.info["ends_at"] and not self._openers.away:
            return False
        readable = select.poll()  # select(2) knows no descriptor beyond 1,023
        readable.register(connection.fileno(), select.POLLIN)
        return not readable.poll(0)
