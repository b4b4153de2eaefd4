"""The lab's clock: CLOCK_MONOTONIC, the one that load, probes and lab share on one machine."""

from __future__ import annotations

import contextlib
import os
import time


class MonotonicClock:
    """`lab.ports.Clock` on the machine's own clock."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, at: float) -> None:
        """Return at `at`, or at once when that is past."""
        while (left_s := at - self.now()) > 0:
            time.sleep(left_s)

    def be_punctual(self) -> None:
        """Real time for this thread alone, not for what it starts. Only root may have it, as a rule."""
        with contextlib.suppress(AttributeError, OSError):  # not Linux, or not allowed
            policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, policy, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
