"""The restarter of a twin: a liveness probe for each replica of the service, and a new start for one that fails it.

As an orchestrator has it: what has ended is started again at the next look, what does not answer after so many looks in
a row. A replica that has just been started is given time to answer for the first time. Every restart is in the journal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from lab.model import SERVICE, LabError, Restarted, Restarter
from lab.ports import Journal

START_MAX_S = 30.0  # after which a replica that has never answered counts as failed
END_TIMEOUT_S = 10.0


class Replica(Protocol):
    """One replica of the service, as a runtime has it. From any thread."""

    @property
    def name(self) -> str: ...

    def running(self) -> bool:
        """Whether its first process is there, however it is."""
        ...

    def answers(self, path: str, timeout_s: float) -> bool:
        """Whether it answers `path` with 200 in time, past every proxy and balancer."""
        ...

    def restart(self) -> None:
        """Start it again as it was; raises LabError where that is not possible (any more)."""
        ...


class Liveness:
    """What the looks at one replica so far say: whether, and why, it must be started again."""

    def __init__(self, restarter: Restarter) -> None:
        self._restarter = restarter
        self._failures = 0
        self._started_at: float | None = None  # None: it has answered since

    def after(self, now: float, *, running: bool, answered: bool) -> str:
        """Why the replica must be started again after this look; "" where it need not."""
        if answered:
            self._failures, self._started_at = 0, None
            return ""
        if not running:
            return "it had ended"
        if self._started_at is not None and now - self._started_at < START_MAX_S:
            return ""
        self._failures += 1
        return (
            f"it failed {self._failures} liveness probes in a row"
            if self._failures >= self._restarter.failures
            else ""
        )

    def restarted(self, now: float) -> None:
        self._failures, self._started_at = 0, now


class Restarting:
    """A thread for each replica, from `start` until `stop`."""

    def __init__(
        self, restarter: Restarter, twin: str, replicas: Sequence[Replica], journal: Journal
    ) -> None:
        self._restarter = restarter
        self._twin = twin
        self._journal = journal
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._look_after, args=(replica,), name="restarter", daemon=True)
            for replica in replicas
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Nothing is started any more when this returns; harmless if it never began."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(END_TIMEOUT_S)

    def _look_after(self, replica: Replica) -> None:
        liveness = Liveness(self._restarter)
        while not self._over.wait(self._restarter.period_s):
            answered = replica.answers(self._restarter.path, self._restarter.timeout_s)
            reason = liveness.after(time.monotonic(), running=replica.running(), answered=answered)
            if reason and not self._over.is_set():
                self._restart(replica, reason)
                liveness.restarted(time.monotonic())

    def _restart(self, replica: Replica, reason: str) -> None:
        try:
            replica.restart()
        except LabError as error:
            reason = f"{reason}, and cannot be started again: {error}"
        self._journal.tell(
            Restarted(
                twin=self._twin,
                part=SERVICE,
                member=replica.name,
                at_s=self._journal.now_s(),
                reason=reason,
            )
        )
