"""A member of a part: one process that can be restarted as it was. A replica can also be asked whether it is alive."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lab.runtime.local.asking import answers
from lab.runtime.local.processes import Process


class Member:
    """Replica `name` of `part`. From any thread."""

    def __init__(self, part: str, name: str, start: Callable[[], Process]) -> None:
        self.part = part
        self.name = name
        self.process = start()
        self.restarts = 0
        self._start = start
        self._spent_s = 0.0  # CPU seconds of earlier processes
        self._restarting = threading.Lock()

    def restart(self) -> None:
        """End what is left of it and start it again with the same command; do not wait until it answers.

        Raises LabError if the twin is being stopped, or the program does not start.
        """
        with self._restarting:
            self._spent_s += self.process.cpu_s() or 0.0
            self.process.stop()
            self.process = self._start()
            self.restarts += 1

    def cpu_s(self) -> float | None:
        """CPU seconds of all its processes so far; None if unknown."""
        now_s = self.process.cpu_s()
        return None if now_s is None else self._spent_s + now_s


class LocalReplica:
    """`lab.runtime.restarter.Replica`: a member of the service and its own port."""

    def __init__(self, member: Member, port: int) -> None:
        self.name = member.name
        self.restart = member.restart
        self._member = member
        self._port = port

    def running(self) -> bool:
        return self._member.process.running()

    def answers(self, path: str, timeout_s: float) -> bool:
        return answers(self._port, path, timeout_s)
