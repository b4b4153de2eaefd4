"""Deadline: a request has DEADLINE_S, and every wait honours it: on the database here, on HTTP in `deadline_http`.

Guards the thread. When a link swallows packets and acknowledges them, no setting of libpq, TCP or PostgreSQL returns
the thread: only a wait that the client itself gives up does. One budget for the request, not one timeout per call:
ten calls of 0.9 s each are nine seconds to the one who waits. Past the deadline nothing begins; what was begun is
called off or taken back, and all of that together has GRACE_S.
Costs nothing measurable per query, and the connection when PostgreSQL does not answer within the grace.
Hurts alone: giving up is not undoing. A write that missed its deadline may have happened, so the client must be able to
ask again safely (`idempotency`), and all who ask again must not do so at once (`circuit_breaker`).
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app, g, has_app_context, request
from psycopg import errors
from sqlalchemy import event

from services.common import metrics
from services.defences import names
from services.defences.database_failures import Rule
from services.defences.switch import on

DEADLINE_S = 1.0
GRACE_S = 0.25  # for taking back what was begun, all of it together
PATIENCE_S = 0.5  # who says nothing for so long may be away; for less it is only slow
LONGEST_WAIT_S = 30.0  # outside a request too, no wait is without a bound

WaitTimeout = errors._WaitTimeout  # noqa: SLF001  what `wait(timeout=)` raises has no public name


class DeadlineExceeded(psycopg.OperationalError):
    """The budget was spent before PostgreSQL had done its work, and PostgreSQL knows."""

    rule = Rule(reason="deadline")


class NoAnswer(DeadlineExceeded):
    """It was, and PostgreSQL did not even answer the request to stop: the state of the work is unknown."""

    def __init__(self, message: str = "", *, waited_s: float = LONGEST_WAIT_S) -> None:
        """Whether PostgreSQL is away, or the request had no time left for it, shows in how long it was waited for."""
        super().__init__(message)
        self.rule = Rule(reason="no_answer", broken=True, outage=waited_s >= PATIENCE_S)


def init_app(app: Flask) -> None:
    """Give each request of `app` its budget: DEADLINE_S from its settings, or less by X-Deadline-S."""
    app.config.setdefault("DEADLINE_S", DEADLINE_S)
    app.before_request(_start)


def _start() -> None:
    if on("deadline"):
        asked_s = request.headers.get("X-Deadline-S", default=LONGEST_WAIT_S, type=float)
        g.deadline_at = time.monotonic() + min(current_app.config["DEADLINE_S"], asked_s)


def left_s(at_most_s: float = LONGEST_WAIT_S) -> float:
    """Seconds until this request's deadline, `at_most_s` where that is less or there is none; negative when late."""
    deadline_at = g.get("deadline_at") if has_app_context() else None
    return at_most_s if deadline_at is None else min(at_most_s, deadline_at - time.monotonic())


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """A smaller budget for one part of the request, or one for work that belongs to no request."""
    if not on("deadline"):
        yield
        return
    before = g.get("deadline_at")
    g.deadline_at = time.monotonic() + left_s(seconds)
    try:
        yield
    finally:
        g.deadline_at = before


def watch(engine: sa.Engine) -> None:
    """Let no wait of `engine` outlast the deadline, and nothing begin after it. Watch it before all others do."""
    if not on("deadline"):
        return

    @event.listens_for(engine, "do_connect")
    def _(dialect: Any, record: Any, arguments: Any, keywords: Any) -> psycopg.Connection[Any]:
        return DeadlineConnection.connect(*arguments, **_resolved(keywords))

    @event.listens_for(engine, "before_cursor_execute")
    def _(*_: Any) -> None:
        _require_time()

    @event.listens_for(engine, "commit")
    def _(_: sa.Connection) -> None:
        _require_time()


def _resolved(keywords: dict[str, Any]) -> dict[str, Any]:
    """The host's address, too: libpq would look it up in a blocking call that nothing bounds."""
    host = keywords.get("host", "")
    if not host or host.startswith(("/", "@")) or "," in host:
        return keywords  # a socket of this machine, or several hosts
    try:
        return keywords | {"hostaddr": names.addresses(host, left_s())[0]}
    except OSError as error:
        raise NoAnswer(f"no address for {host}: {error}") from error


def _require_time() -> None:
    if left_s() <= 0:
        _count_miss()
        raise DeadlineExceeded("the deadline passed: nothing more was begun")


class DeadlineConnection(psycopg.Connection[Any]):
    """A psycopg connection whose every wait ends: work at the deadline, what settles it at the end of the grace."""

    _settling = False

    def wait(self, gen: Generator[Any, Any, Any], *_: Any, **__: Any) -> Any:
        began_at = time.monotonic()
        try:
            return super().wait(gen, timeout=_until_end_s() if self._settling else max(left_s(), 0.001))
        except WaitTimeout:
            _count_miss()
            if not self._settling:
                self._stop(gen, began_at)
            self._give_up(began_at)

    def commit(self) -> None:
        """Sent in time, its answer may come in the grace: that it is done is worth knowing."""
        with self._settled():
            super().commit()

    def rollback(self) -> None:
        """Takes the work back; where PostgreSQL does not answer, the end of the session does so."""
        with self._settled(), suppress(NoAnswer):
            super().rollback()

    @contextmanager
    def _settled(self) -> Iterator[None]:
        self._settling = True
        try:
            yield
        finally:
            self._settling = False

    def _stop(self, gen: Generator[Any, Any, Any], began_at: float) -> None:
        """Ask the server to stop, and hear it say so; if it says nothing, give the session up."""
        try:
            self.cancel_safe(timeout=_until_end_s())
            super().wait(gen, timeout=_until_end_s())
        except errors.QueryCanceled:
            pass
        except (WaitTimeout, psycopg.OperationalError):
            self._give_up(began_at)
        raise DeadlineExceeded("the deadline passed: PostgreSQL stopped the statement") from None

    def _give_up(self, began_at: float) -> None:
        self.pgconn.finish()
        raise NoAnswer(
            "the deadline passed: PostgreSQL does not answer", waited_s=time.monotonic() - began_at
        ) from None

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        """psycopg's connect timeout is 2 s at least; this looks at the deadline whenever psycopg wakes, each 0.1 s."""
        connecting: Generator[Any, Any, Any] = super()._connect_gen(conninfo)
        ready: Any = None
        began_at = time.monotonic()
        try:
            while left_s() > 0:
                ready = yield connecting.send(ready)
        except StopIteration as connected:
            return connected.value
        _count_miss()
        raise NoAnswer(
            "the deadline passed while connecting to PostgreSQL", waited_s=time.monotonic() - began_at
        )


def _until_end_s() -> float:
    """Seconds until the end of the grace, which all that has to be settled shares."""
    return max(left_s(LONGEST_WAIT_S) + GRACE_S, 0.001)


def _count_miss() -> None:
    if has_app_context():
        metrics.current().deadline_misses.inc()
