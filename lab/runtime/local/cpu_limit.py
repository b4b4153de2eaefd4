"""A CPU limit without root: a member whose budget is spent is stopped until it has earned more.

The kernel's quota does the same within a container; here a thread of the lab counts, a hundred times a second,
and stops.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lab.runtime import readings
from lab.runtime.local.stopping import Stopper
from lab.runtime.ownership import trees

REASON = "CPU"
LOOK_S = 0.01  # between two readings: as fine as the kernel counts CPU time
PERIOD_S = 0.1  # the most budget that can be saved up, like the kernel's own period
RESUME_SHARE = 0.3  # of a period's budget, before it may run again: else it would stop at every reading
END_TIMEOUT_S = 2.0


class Budget:
    """Earns `cpus` seconds per second, up to one period's worth; overdrafts are paid back first."""

    def __init__(self, cpus: float) -> None:
        self._cpus = cpus
        self._credit_s = cpus * PERIOD_S
        self._spent = False

    def spent(self, used_s: float, passed_s: float) -> bool:
        """Whether the member must stop, after it used `used_s` in the last `passed_s`."""
        self._credit_s = min(self._credit_s + self._cpus * passed_s - used_s, self._cpus * PERIOD_S)
        if self._credit_s <= 0:
            self._spent = True
        elif self._credit_s >= RESUME_SHARE * self._cpus * PERIOD_S:
            self._spent = False
        return self._spent


class CpuLimit:
    """The limit of one member, by `stopper`. `throttled_s` counts over all limits it has had."""

    def __init__(self, root: Callable[[], int], stopper: Stopper) -> None:
        self.cpus: float | None = None
        self.throttled_s = 0.0
        self._root = root
        self._stopper = stopper
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def set(self, cpus: float | None) -> None:
        """None lifts it."""
        if cpus == self.cpus:
            return
        self._end()
        self.cpus = cpus
        if cpus is not None:
            self._over = threading.Event()
            self._thread = threading.Thread(
                target=self._hold, args=(Budget(cpus), self._over), name="CPU limit", daemon=True
            )
            self._thread.start()

    def _end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)
            self._thread = None
        self._stopper.release(REASON)

    def _hold(self, budget: Budget, over: threading.Event) -> None:
        at, root = time.monotonic(), self._root()
        most_s = readings.cpu_s(trees.tree(root))
        while not over.wait(LOOK_S):
            now = time.monotonic()
            if root != self._root():  # started again
                root, most_s = self._root(), 0.0
            # The CPU time of an ended child is missing until its parent has waited for it.
            used_s = max(readings.cpu_s(trees.tree(root)), most_s)
            held = self._stopper.holds(REASON)
            self.throttled_s += now - at if held else 0.0
            spent = budget.spent(used_s - most_s, now - at)
            at, most_s = now, used_s
            if spent and not held:
                self._stopper.hold(REASON)
            elif held and not spent:
                self._stopper.release(REASON)
