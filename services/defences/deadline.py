"""Deadline: one budget of time per request, honoured by every wait: on the database here, on HTTP in `deadline_http`.

Guards the thread. When a link swallows packets and acknowledges them, no setting of libpq, TCP or PostgreSQL returns
the thread: only a wait that the client itself gives up does. One budget for the request, not one timeout per call:
ten calls of 0.9 s each are nine seconds to the one who waits.
Costs nothing measurable per query; after a miss, GRACE_S once more to ask the server to stop, and the connection when
the server does not answer.
Hurts alone: giving up is not undoing. A write that missed its deadline may have happened, so the client must be able to
ask again safely (`idempotency`), and all who ask again must not do so at once (`circuit_breaker`).
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app, g, has_app_context, request
from psycopg import errors
from sqlalchemy import event

from services.common import metrics
from services.defences.switch import on

DEADLINE_S = 1.0
GRACE_S = 0.25  # for cleaning up once the deadline has passed
LONGEST_WAIT_S = 30.0  # outside a request too, no wait is without a bound

WaitTimeout = errors._WaitTimeout  # noqa: SLF001  what `wait(timeout=)` raises has no public name


class DeadlineExceeded(psycopg.OperationalError):
    """The budget was spent before PostgreSQL had done its work."""

    reason = "deadline"


class NoAnswer(DeadlineExceeded):
    """It was, and PostgreSQL did not even answer the request to stop: the state of the work is unknown."""

    reason = "no_answer"


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
    """A smaller budget for one part of the request, such as a ping."""
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
    """Make `engine` connect by DeadlineConnection, and let one miss cost one connection rather than the whole pool."""

    @event.listens_for(engine, "do_connect")
    def _(dialect: Any, record: Any, arguments: Any, keywords: Any) -> psycopg.Connection[Any] | None:
        return DeadlineConnection.connect(*arguments, **keywords) if on("deadline") else None

    @event.listens_for(engine, "handle_error")
    def _(context: sa.ExceptionContext) -> None:
        if isinstance(context.original_exception, DeadlineExceeded):
            context.invalidate_pool_on_disconnect = False


class DeadlineConnection(psycopg.Connection[Any]):
    """A psycopg connection whose every wait (execute, fetch, commit, rollback, connect) ends by the deadline."""

    def wait(self, gen: Generator[Any, Any, Any], *_: Any, **__: Any) -> Any:
        try:
            return super().wait(gen, timeout=_bound_s())
        except WaitTimeout:
            _count_miss()
            return self._stop(gen)

    def _stop(self, gen: Generator[Any, Any, Any]) -> Any:
        """Ask the server to stop and take what it says; if it says nothing, close: its state is unknown."""
        try:
            self.cancel_safe(timeout=GRACE_S)
            return super().wait(gen, timeout=GRACE_S)
        except errors.QueryCanceled:
            raise DeadlineExceeded("the deadline passed: PostgreSQL stopped the statement") from None
        except (WaitTimeout, psycopg.OperationalError):
            self.pgconn.finish()
            raise NoAnswer("the deadline passed: PostgreSQL does not answer") from None

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        """psycopg's connect timeout is 2 s at least; this looks at the deadline whenever psycopg wakes, each 0.1 s."""
        connecting: Generator[Any, Any, Any] = super()._connect_gen(conninfo)
        ready: Any = None
        ends_at = time.monotonic() + _bound_s()
        try:
            while time.monotonic() < ends_at:
                ready = yield connecting.send(ready)
        except StopIteration as connected:
            return connected.value
        _count_miss()
        raise NoAnswer("the deadline passed while connecting to PostgreSQL")


def _bound_s() -> float:
    """How long a wait may last that starts now. One that starts too late is a clean-up, such as a rollback."""
    left = left_s()
    return left if left > 0 else GRACE_S


def _count_miss() -> None:
    if has_app_context():
        metrics.current().deadline_misses.inc()
