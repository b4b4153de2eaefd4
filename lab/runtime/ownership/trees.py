"""A process with all its descendants, stopped, continued or killed together.

Process groups will not do: each server process of PostgreSQL leads its own group. A parent is stopped before its
children, because a stopped process cannot start another, and killed after them, because they are found through it.
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
    """The pids of `root` and all its descendants, parents first; ended ones are left out."""
    return list(_tree(root)) if root > 0 else []


def freeze(root: int) -> None:
    """Stop every process of the tree; returns when all have stopped."""
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
    """SIGKILL to every process of the tree; none can start another in between."""
    freeze(root)
    for pid in reversed(tree(root)):
        _send(pid, signal.SIGKILL)


def stopped(pid: int) -> bool:
    """Whether it is stopped."""
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
    """The state of a process, as the kernel's letter; "" if there is none."""
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
