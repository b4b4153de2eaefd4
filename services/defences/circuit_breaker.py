"""Circuit breaker: when a dependency has failed FAILURES_MAX times in a row, do not even ask for RESET_S.

Guards the caller's threads, which would all wait for what will not come, and the dependency, which comes back to a
trickle instead of a flood. Opened, it answers in a millisecond; then a single probe finds out.
Costs an outage that lasts up to RESET_S longer than the fault, and a threshold that someone has to choose.
Hurts alone, or with the wrong threshold, by refusing everybody for the trouble of a few. Only an outage counts here:
never a lost race, a deadlock, or a statement that was slow but stopped when asked.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.common import metrics
from services.defences.switch import on, state
from services.defences.unavailable import Refused, is_outage, is_refusal

FAILURES_MAX = 5
RESET_S = 0.5

CLOSED, HALF_OPEN, OPEN = 0, 1, 2


class CircuitOpen(Refused):
    reason = "circuit_open"


@contextmanager
def guard(name: str) -> Iterator[None]:
    """Run the block unless the circuit to `name` is open; raises CircuitOpen then. Learns from how the block ends."""
    if not on("circuit_breaker"):
        yield
        return
    breaker = state(f"circuit_breaker:{name}", lambda: Breaker(metrics.current().breaker.labels(name).set))
    try:
        probing = breaker.enter()
    except CircuitOpen:
        metrics.current().sheds.labels(CircuitOpen.reason).inc()
        raise
    failed = None
    try:
        yield
        failed = False
    except Exception as error:
        failed = None if is_refusal(error) else is_outage(error)
        raise
    finally:
        breaker.leave(probing, failed)


class Breaker:
    """Closed → open after FAILURES_MAX outages in a row → after RESET_S one probe → closed, or open again.

    Thread-safe, and never locked while a call runs.
    """

    def __init__(self, tell: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`tell` is called with the new position whenever it changes."""
        self._tell, self._clock = tell, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    def enter(self) -> bool:
        """Whether this call is the probe. Raises CircuitOpen when it must not be made."""
        with self._lock:
            if self._opened_at is None:
                return False
            if self._probing or self._clock() - self._opened_at < RESET_S:
                raise CircuitOpen
            self._probing = True
            self._tell(HALF_OPEN)
            return True

    def leave(self, probe: bool, failed: bool | None) -> None:
        """Learn from a call: `failed` is None when it says nothing about the dependency."""
        with self._lock:
            if not probe and self._opened_at is not None:
                return  # it began before the circuit opened
            self._probing = False
            if failed is False:
                self._failures, self._opened_at = 0, None
            elif failed:
                self._failures += 1
                if probe or self._failures >= FAILURES_MAX:
                    self._opened_at = self._clock()
            if probe or self._opened_at is not None:
                self._tell(CLOSED if self._opened_at is None else OPEN)
