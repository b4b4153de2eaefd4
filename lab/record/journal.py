"""The journal of a run: every event goes to events.jsonl, and to everybody who listens."""

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
    """`lab.ports.Journal` in a run folder. `now` is the clock; T0 is told when it is known."""

    def __init__(self, path: Path, now: Callable[[], float], *listeners: Listener) -> None:
        self._file = appending(path)
        self._now = now
        self._listeners = listeners
        self._t0: float | None = None
        self._lock = threading.Lock()

    def begin(self, t0: float) -> None:
        """From here on instants count from `t0`."""
        self._t0 = t0

    def now_s(self) -> float:
        """Seconds from T0; negative before it, and minus infinity while it is not known."""
        return float("-inf") if self._t0 is None else self._now() - self._t0

    def tell(self, event: Event) -> None:
        """The event is in the file when this returns; then the listeners hear of it."""
        line = json.dumps(CONVERTER.unstructure(event, unstructure_as=Event), ensure_ascii=False)
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        """Nothing more is written; listeners still hear."""
        with self._lock:
            self._file.close()


class NoJournal:
    """`lab.ports.Journal` of a stack that nobody records: what happens is forgotten."""

    def now_s(self) -> float:
        return float("-inf")

    def tell(self, event: Event) -> None:
        pass
