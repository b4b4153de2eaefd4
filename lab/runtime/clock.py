"""The lab's clock: CLOCK_MONOTONIC, the one that load, probes and lab share on one machine."""

from __future__ import annotations

import time

from lab.runtime.priority import be_punctual


class MonotonicClock:
    """`lab.ports.Clock` on the machine's own clock."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, at: float) -> None:
        """Return at `at`, or at once if that is past."""
        while (left_s := at - self.now()) > 0:
            time.sleep(left_s)

    def be_punctual(self) -> None:
        be_punctual()
