"""The restarter of a twin: a liveness probe for each replica of the service, and a restart for one that fails it.

Like an orchestrator: a replica that has ended is restarted at the next probe, one that does not answer after several
failures in a row. A new replica is given time for its first answer. Every restart is recorded in the journal.
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
    """One replica of the service in one runtime. From any thread.

    `running` and `answers` raise LabError if that cannot be told just now.
    """

    @property
    def name(self) -> str: ...

    def running(self) -> bool:
        """Whether its first process exists, whatever its state."""
        ...

    def answers(self, path: str, timeout_s: float) -> bool:
        """Whether it answers `path` with 200 in time, past every proxy and balancer."""
        ...

    def restart(self) -> None:
        """Restart it as it was; raises LabError if that is not possible (any more)."""
        ...


class Liveness:
    """The probes of one replica so far: they decide whether, and why, it must be restarted."""

    def __init__(self, restarter: Restarter) -> None:
        self._restarter = restarter
        self._failures = 0
        self._started_at: float | None = None  # None: it has answered since

    def after(self, now: float, *, running: bool, answered: bool) -> str:
        """Why the replica must be restarted after this probe; "" if it need not."""
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
        """Begin no restart any more, and wait a while for one that is going on; harmless if it never began."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(END_TIMEOUT_S)

    def _look_after(self, replica: Replica) -> None:
        liveness = Liveness(self._restarter)
        while not self._over.wait(self._restarter.period_s):
            reason = self._probed(replica, liveness)
            if reason and not self._over.is_set():
                self._restart(replica, reason)
                liveness.restarted(time.monotonic())

    def _probed(self, replica: Replica, liveness: Liveness) -> str:
        """Why it must be restarted after one probe; "" if it need not, or if the probe showed nothing."""
        try:
            answered = replica.answers(self._restarter.path, self._restarter.timeout_s)
            running = replica.running()
        except (
            LabError
        ):  # the engine did not answer, which is no failure of the replica; the next probe is due soon
            return ""
        return liveness.after(time.monotonic(), running=running, answered=answered)

    def _restart(self, replica: Replica, reason: str) -> None:
        try:
            replica.restart()
        except (LabError, OSError) as error:  # such as a full disk
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
