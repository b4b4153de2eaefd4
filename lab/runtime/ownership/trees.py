"""A process with all its descendants, stopped, continued or killed as one.

Groups will not do: each server process of PostgreSQL leads a group of its own. A parent is stopped before its children,
since what stands still cannot start another, and killed after them: as long as it is there, they can be found from it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

PROC = Path("/proc")
CHILDREN_KNOWN = (PROC / "self" / "task" / str(os.getpid()) / "children").exists()
ROUNDS_MAX = 20
STILL_TIMEOUT_S = 1.0
POLL_S = 0.002


def tree(root: int) -> list[int]:
    """The pids of `root` and of all that descend from it, parents first; those that have ended are left out."""
    return list(_tree(root)) if root > 0 else []


def freeze(root: int) -> None:
    """Stop every process of the tree; when this returns, they stand still."""
    frozen: set[int] = set()
    for _ in range(ROUNDS_MAX):
        fresh = [pid for pid in tree(root) if pid not in frozen]
        if not fresh:
            break
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
            _await_still(pid)
        frozen |= set(fresh)


def thaw(root: int) -> None:
    """Continue every process of the tree."""
    for pid in reversed(tree(root)):
        _send(pid, signal.SIGCONT)


def kill(root: int) -> None:
    """SIGKILL to every process of the tree, and nothing of it can start anything in between."""
    freeze(root)
    for pid in reversed(tree(root)):
        _send(pid, signal.SIGKILL)


def stopped(pid: int) -> bool:
    """Whether it stands still."""
    return _letter(pid) in ("T", "t")


def _tree(pid: int) -> Iterator[int]:
    if _letter(pid) not in ("", "Z", "X"):
        yield pid
        for child in _children(pid):
            yield from _tree(child)


def _children(pid: int) -> list[int]:
    if not CHILDREN_KNOWN:
        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    found: list[int] = []
    with suppress(OSError):  # it has just ended
        for task in (PROC / str(pid) / "task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _letter(pid: int) -> str:
    """The state of a process as the kernel abbreviates it; "" for none."""
    if CHILDREN_KNOWN:
        try:
            return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return ""
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return ""
    return {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_DEAD: "X", psutil.STATUS_STOPPED: "T"}.get(status, "R")


def _await_still(pid: int) -> None:
    give_up = time.monotonic() + STILL_TIMEOUT_S
    while _letter(pid) not in ("T", "t", "", "Z", "X") and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
