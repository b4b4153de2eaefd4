"""A memory limit without root: the lab watches a member and kills its biggest process, as the kernel would."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from lab.runtime import readings
from lab.runtime.ownership import trees

LOOK_S = 0.05
END_TIMEOUT_S = 2.0


class MemoryLimit:
    """The limit of one member. `kills` counts over all limits it has had."""

    def __init__(self, root: Callable[[], int]) -> None:
        self.memory_bytes: int | None = None
        self.kills = 0
        self._root = root
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def set(self, memory_bytes: int | None) -> None:
        """None lifts it."""
        if memory_bytes == self.memory_bytes:
            return
        self._over.set()
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)
            self._thread = None
        self.memory_bytes = memory_bytes
        if memory_bytes is not None:
            self._over = threading.Event()
            self._thread = threading.Thread(
                target=self._watch, args=(memory_bytes, self._over), name="memory limit", daemon=True
            )
            self._thread.start()

    def _watch(self, memory_bytes: int, over: threading.Event) -> None:
        while True:
            used = {pid: readings.memory_bytes(pid) for pid in trees.tree(self._root())}
            if sum(used.values()) > memory_bytes:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(max(used, key=lambda pid: used[pid]), signal.SIGKILL)
                    self.kills += 1
            if over.wait(LOOK_S):
                return
