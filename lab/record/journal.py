"""The journal of a run: every event goes to events.jsonl and to all listeners."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from lab.model import Event
from lab.record.codec import CONVERTER
from lab.record.files import appending

Listener = Callable[[Event], None]


class FolderJournal:
    """`lab.ports.Journal` in a run folder. `now` is the clock; `begin` sets T0."""

    def __init__(self, path: Path, now: Callable[[], float], *listeners: Listener) -> None:
        self._file = appending(path)
        self._now = now
        self._listeners = listeners
        self._t0: float | None = None
        self._lock = threading.Lock()

    def begin(self, t0: float) -> None:
        """Set T0: from now on instants count from `t0`."""
        self._t0 = t0

    def now_s(self) -> float:
        """Seconds from T0; negative before it, and minus infinity while it is not known."""
        return float("-inf") if self._t0 is None else self._now() - self._t0

    def tell(self, event: Event) -> None:
        """Write the event to the file, then tell the listeners."""
        line = json.dumps(CONVERTER.unstructure(event, unstructure_as=Event), ensure_ascii=False)
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        """Close the file; listeners are still told."""
        with self._lock:
            self._file.close()


class NoJournal:
    """`lab.ports.Journal` of a stack without a record: it forgets everything."""

    def now_s(self) -> float:
        return float("-inf")

    def tell(self, event: Event) -> None:
        pass
