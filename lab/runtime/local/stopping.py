"""Stops and continues the processes of a member, for one reason or several: a pause, a spent CPU budget."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lab.runtime.ownership import trees


class Stopper:
    """Keeps the processes below `root()` stopped as long as there is a reason. From any thread."""

    def __init__(self, root: Callable[[], int]) -> None:
        self._root = root
        self._reasons: set[str] = set()
        self._changing = threading.Lock()

    def hold(self, reason: str) -> None:
        with self._changing:
            self._reasons.add(reason)
            trees.freeze(self._root())

    def release(self, reason: str) -> None:
        with self._changing:
            held = bool(self._reasons)
            self._reasons.discard(reason)
            if held and not self._reasons:
                trees.thaw(self._root())

    def holds(self, reason: str) -> bool:
        return reason in self._reasons

    def forget(self) -> None:
        """Forget all reasons: the member has new processes, and none of them is stopped."""
        with self._changing:
            self._reasons.clear()
