"""Programs that run in threads, and that another thread can end: an executor waits for its threads to the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from lab.model import LabError
from lab.runtime.programs import Started


class Stoppable:
    """Programs that end together, and waits that are given up with them. None begins once `stop` was called."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._starting = threading.Lock()
        self._running: list[Started] = []
        self._stopped = False

    def output(self, command: Sequence[str], *, timeout_s: float, text: str = "", **options: Any) -> str:
        """As `lab.runtime.programs.output`."""
        with self._starting:
            self.check()
            program = Started(command, **options)
            self._running.append(program)
        try:
            done = program.finish(text, timeout_s)
        finally:
            self._running.remove(program)
        self.check()
        return done.output()

    def check(self) -> None:
        """Raises LabError once `stop` was called. For whoever waits for something else."""
        if self._stopped:
            raise LabError(f"{self._owner} is being stopped.")

    def stop(self) -> None:
        """End them all; harmless when they have ended."""
        with self._starting:
            self._stopped = True
        for program in list(self._running):
            program.end()
