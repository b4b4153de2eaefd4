"""Circuit breaker: when a dependency has not answered for a while, stop asking; after RESET_S let one request try.

Guards the caller's threads, which would all wait for answers that do not come, and the dependency, which meets a
trickle of requests instead of a thundering herd when it comes back. While open, the breaker refuses within a
millisecond, until a single probe gets an answer.
Costs an outage that lasts up to RESET_S longer than the fault, and thresholds that someone has to choose.
Hurts alone, or with the wrong thresholds, by refusing everybody because a few are in trouble. Here only outages
count, never a lost race, a deadlock, or a request that had too little time left. Any answer closes the circuit, and it
opens only after FAILURES_MAX outages in a row that span at least OPEN_AFTER_S: if a link flaps faster, retrying is
better.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.common import metrics
from services.defences.switch import on, state
from services.defences.unavailable import Refused, is_outage

FAILURES_MAX = 5
OPEN_AFTER_S = 0.5
RESET_S = 0.5

CLOSED, HALF_OPEN, OPEN = 0, 1, 2


class CircuitOpen(Refused):
    reason = "circuit_open"


@contextmanager
def guard(name: str) -> Iterator[None]:
    """Run the block, or raise CircuitOpen if the circuit to `name` is open. Learns from how the block ends."""
    if not on("circuit_breaker"):
        yield
        return
    breaker = _breaker(name)
    try:
        call = breaker.enter()
    except CircuitOpen:
        metrics.current().sheds.labels(CircuitOpen.reason).inc()
        raise
    failed = None
    try:
        yield
        failed = False
    except Exception as error:
        failed = is_outage(error)
        raise
    finally:
        breaker.leave(call, failed)


def learn(name: str, error: Exception | None) -> None:
    """Tell the circuit to `name` about an answer or an error outside its guard."""
    if on("circuit_breaker"):
        _breaker(name).note(False if error is None else is_outage(error))


def _breaker(name: str) -> "Breaker":
    return state(f"circuit_breaker:{name}", lambda: Breaker(metrics.current().breaker.labels(name).set))


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that was let through: whether it is the probe that decides, and when it began."""

    probe: bool
    began_at: float


class Breaker:
    """Closed → open after FAILURES_MAX outages in a row, over OPEN_AFTER_S → after RESET_S one probe → closed or open.

    Thread-safe, and holds no lock while a call runs.
    """

    def __init__(self, tell: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`tell` is called with the new state whenever it changes."""
        self._tell, self._clock = tell, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._failing_since = self._answered_at = float("-inf")
        self._opened_at: float | None = None
        self._probing = False

    def enter(self) -> Call:
        """Permission for a call. Raises CircuitOpen if it must not be made."""
        with self._lock:
            if self._opened_at is None:
                return Call(probe=False, began_at=self._clock())
            if self._probing or self._clock() - self._opened_at < RESET_S:
                raise CircuitOpen
            self._probing = True
            self._tell(HALF_OPEN)
            return Call(probe=True, began_at=self._clock())

    def is_open(self) -> bool:
        return self._opened_at is not None

    def leave(self, call: Call, failed: bool | None) -> None:
        """Learn from a call: `failed` is None if it says nothing about the dependency."""
        if failed is False:
            self._answered_at = self._clock()
        if not call.probe and not failed and not self._failures:
            return  # the usual case: nothing to learn, and no lock to wait for
        with self._lock:
            if call.probe:
                self._probing = False
            if failed is False:
                self._close()
            elif failed:
                self._count(call)
            elif call.probe:
                self._tell(OPEN)

    def note(self, failed: bool | None) -> None:
        """Learn of an answer or a failure outside the guard."""
        self.leave(Call(probe=False, began_at=self._clock()), failed)

    def _close(self) -> None:
        if self._opened_at is not None:
            self._tell(CLOSED)
        self._failures, self._opened_at = 0, None

    def _count(self, call: Call) -> None:
        now = self._clock()
        if not self._failures:
            self._failing_since = max(call.began_at, self._answered_at)
        self._failures += 1
        lasting = self._failures >= FAILURES_MAX and now - self._failing_since >= OPEN_AFTER_S
        if call.probe or (lasting and self._opened_at is None):
            self._opened_at = now
            self._tell(OPEN)
