"""Locks between labs of one clone. The kernel frees them when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.model import LabError

POLL_S = 0.02


@contextmanager
def run_lock(state_dir: Path) -> Iterator[None]:
    """Held for one run: two at once would spoil each other's timing. Raises LabError, naming the holder."""
    path = state_dir / "run.lock"
    with exclusive(path, timeout_s=0.0) as got:
        if not got:
            raise LabError(
                f"Another run is in progress: pid {path.read_text().strip() or 'unknown'}. "
                "Wait until it ends, or stop it with Ctrl-C in its own terminal."
            )
        yield


@contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[bool]:
    """Yields whether the lock on `path` was taken within `timeout_s`; if so, it is held until the end of the block."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as exc:
        raise LabError(f"Cannot write {path}: {exc.strerror}. Make {path.parent} writable.") from exc
    with file:
        got = _locked(file.fileno(), timeout_s)
        if got:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield got


def _locked(descriptor: int, timeout_s: float) -> bool:
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                return False
            time.sleep(POLL_S)
        else:
            return True
