"""Deadline: a request has DEADLINE_S, and every wait honours it: on the database here, on HTTP in `deadline_http`.

Guards the thread. When a link acknowledges packets but swallows them, no setting of libpq, TCP or PostgreSQL frees the
thread; only a service that itself gives up waiting does. It is one budget for the request, not one timeout per call:
ten calls of 0.9 s each are nine seconds for the client. Past the deadline nothing new begins; what was begun is
cancelled or rolled back, within GRACE_S in all.
Costs a timer and a check for each wait, and the connection if PostgreSQL does not answer within the grace.
Hurts alone: giving up is not undoing. A write that missed its deadline may have happened, so clients must be able to
repeat it safely (`idempotency`), and must not all repeat at once (`circuit_breaker`).
"""

import time
from collections.abc import Generator, Iterator, Sequence
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
GRACE_S = 0.25  # to cancel or roll back what was begun, all of it together
PATIENCE_S = 0.5  # a dependency that is silent for this long may be down; for less, it is only slow
LONGEST_WAIT_S = 30.0  # outside requests, waits have a bound too

WaitTimeout = errors._WaitTimeout  # noqa: SLF001  what `wait(timeout=)` raises has no public name


class DeadlineExceeded(psycopg.OperationalError):
    """The budget was spent before PostgreSQL was asked for anything more."""

    rule = Rule(reason="deadline", outage=None)


class Stopped(DeadlineExceeded):
    """The budget was spent, and PostgreSQL stopped its work when asked: an answer, though not the one we wanted."""

    rule = Rule(reason="deadline")


class NoAnswer(DeadlineExceeded):
    """The budget was spent, and PostgreSQL did not even answer the request to stop: it may have done the work."""

    def __init__(self, message: str = "", *, waited_s: float = LONGEST_WAIT_S, **of_psycopg: Any) -> None:
        """`waited_s` tells whether PostgreSQL is down, or the request just had too little time left for it."""
        super().__init__(message, **of_psycopg)  # psycopg raises it too, one for all the addresses it tried
        self.rule = Rule(reason="no_answer", broken=True, outage=waited_s >= PATIENCE_S or None)


def init_app(app: Flask) -> None:
    """Give each request of `app` its budget: the setting DEADLINE_S, or less if X-Deadline-S says so."""
    app.config.setdefault("DEADLINE_S", DEADLINE_S)
    app.before_request(_start)


def _start() -> None:
    if on("deadline"):
        asked_s = request.headers.get("X-Deadline-S", default=LONGEST_WAIT_S, type=float)
        g.deadline_at = time.monotonic() + min(current_app.config["DEADLINE_S"], asked_s)


def left_s(at_most_s: float = LONGEST_WAIT_S) -> float:
    """Seconds until this request's deadline, but at most `at_most_s`; negative when it has passed."""
    deadline_at = g.get("deadline_at") if has_app_context() else None
    return at_most_s if deadline_at is None else min(at_most_s, deadline_at - time.monotonic())


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """A smaller budget for one part of the request, or a budget for work outside requests."""
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
    """Let no wait of `engine` outlast the deadline, and nothing begin after it. Call this before all other watches."""
    if not on("deadline"):
        return

    @event.listens_for(engine, "do_connect")
    def _(dialect: Any, record: Any, arguments: Any, keywords: Any) -> psycopg.Connection[Any]:
        return _connected(arguments, keywords)

    @event.listens_for(engine, "before_cursor_execute")
    def _(*_: Any) -> None:
        _require_time()

    @event.listens_for(engine, "commit")
    def _(_: sa.Connection) -> None:
        _require_time()


def _connected(arguments: Sequence[Any], keywords: dict[str, Any]) -> psycopg.Connection[Any]:
    """Try one address of the host after another, each in its share of the time: the first may never answer."""
    addresses = _addresses(keywords.get("host", ""))
    for number, address in enumerate(addresses):
        try:
            with at_most(left_s() / (len(addresses) - number)):
                return DeadlineConnection.connect(*arguments, **keywords | address)
        except psycopg.OperationalError:
            if number == len(addresses) - 1:
                raise
    raise AssertionError("a host has at least one address")


def _addresses(host: str) -> Sequence[dict[str, str]]:
    """The addresses of `host`, as keywords: libpq would look them up in a blocking call without a time limit."""
    if not host or host.startswith(("/", "@")) or "," in host:
        return ({},)  # a Unix socket, or several hosts
    try:
        return [{"hostaddr": address} for address in names.addresses(host, left_s())]
    except OSError as error:
        raise NoAnswer(f"no address for {host}: {error}") from error


def _require_time() -> None:
    if left_s() <= 0:
        _count_miss()
        raise DeadlineExceeded("the deadline passed: nothing more was begun")


class DeadlineConnection(psycopg.Connection[Any]):
    """A psycopg connection whose waits all end: statements at the deadline, commit and rollback after the grace."""

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
        """A COMMIT that was sent in time gets the grace for its answer: it is worth knowing whether it was done."""
        with self._settled():
            super().commit()

    def rollback(self) -> None:
        """Undo the work. If PostgreSQL does not answer, the end of the session undoes it."""
        if self.closed:
            return
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
        """Ask the server to stop and wait for it to say so; if it does not answer, give up the session."""
        try:
            self.cancel_safe(timeout=_until_end_s())
            super().wait(gen, timeout=_until_end_s())
        except errors.QueryCanceled:
            pass
        except (WaitTimeout, psycopg.OperationalError, OSError) as error:
            # An answer after all, for example that a lock was not granted.
            if getattr(error, "sqlstate", None):
                raise
            self._give_up(began_at)
        raise Stopped("the deadline passed: PostgreSQL stopped the statement") from None

    def _give_up(self, began_at: float) -> None:
        self.pgconn.finish()
        raise NoAnswer(
            "the deadline passed: PostgreSQL does not answer", waited_s=time.monotonic() - began_at
        ) from None

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        """psycopg's connect timeout is at least 2 s; this checks the deadline whenever psycopg wakes, every 0.1 s."""
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
    """Seconds until the end of the grace, which all cancels, commits and rollbacks share."""
    return max(left_s(LONGEST_WAIT_S) + GRACE_S, 0.001)


def _count_miss() -> None:
    if has_app_context():
        metrics.current().deadline_misses.inc()
