"""Locks between labs of one clone. The kernel frees them when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.model import LabError

POLL_S = 0.02
RUN_LOCK = "run.lock"
MODE = 0o600  # who can open the file can also hold the lock


@contextmanager
def run_lock(state_dir: Path) -> Iterator[None]:
    """Held for one run: two at once would spoil each other's timing. Raises LabError, naming the holder."""
    path = state_dir / RUN_LOCK
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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, MODE)
    except OSError as exc:
        raise LabError(f"Cannot write {path}: {exc.strerror}. {_next_step(path)}") from exc
    try:
        got = _locked(descriptor, timeout_s)
        if got:
            with suppress(OSError):  # the number is for people: a full disk must not stop who heals
                os.fchmod(descriptor, MODE)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield got
    finally:
        os.close(descriptor)


def _next_step(path: Path) -> str:
    """How to make `path` writable: one `sudo bin/lab` is enough to leave files of root's there."""
    there = next((place for place in (path, path.parent) if os.path.exists(place)), None)  # noqa: PTH110
    if there is None or there.stat().st_uid == os.geteuid():
        return f"Make {path.parent} writable."
    mine = f'sudo chown -R "$USER" {shlex.quote(str(path.parent))}'
    return f"It belongs to another user: {mine}, or work in a clone of your own."


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
