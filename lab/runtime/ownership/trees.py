"""A process with all its descendants, stopped, continued or killed together.

Process groups will not do: each server process of PostgreSQL leads its own group. A parent is stopped before its
children, because a stopped process cannot start another, and killed after them, because they are found through it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

PROC = Path("/proc")
CHILDREN_KNOWN = (PROC / "self" / "task" / str(os.getpid()) / "children").exists()
ROUNDS_MAX = 20
STILL_TIMEOUT_S = 1.0
POLL_S = 0.002
GONE = ("", "Z", "X")


def tree(root: int) -> list[int]:
    """The pids of `root` and all its descendants, parents first; ended ones are left out."""
    return [pid for pid, _parent in _tree(root, GONE)] if root > 0 else []


def family(root: int) -> dict[int, int]:
    """The same, with the parent of each, and with zombies: until somebody has waited for them, their CPU time is
    counted nowhere else."""
    return dict(_tree(root, ("",)))


def freeze(root: int) -> None:
    """Stop every process of the tree; returns when all have stopped."""
    frozen: set[int] = set()
    for _ in range(ROUNDS_MAX):
        fresh = [pid for pid in tree(root) if pid not in frozen]
        if not fresh:
            break
        for pid in fresh:
            send(pid, signal.SIGSTOP)
            _await_still(pid)
        frozen |= set(fresh)


def thaw(root: int) -> None:
    """Continue every process of the tree."""
    for pid in reversed(tree(root)):
        send(pid, signal.SIGCONT)


def kill(root: int) -> None:
    """SIGKILL to every process of the tree; none can start another in between."""
    freeze(root)
    for pid in reversed(tree(root)):
        send(pid, signal.SIGKILL)


def send(pid: int, number: signal.Signals) -> bool:
    """Whether the signal was sent: the process may have ended meanwhile, or be another user's."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        return True
    return False


def stopped(pid: int) -> bool:
    """Whether it is stopped."""
    return _letter(pid) in ("T", "t")


def _tree(root: int, without: Collection[str]) -> Iterator[tuple[int, int]]:
    return _below(root, 0, without, children_of if CHILDREN_KNOWN else _searched())


def _below(
    pid: int, parent: int, without: Collection[str], children: Callable[[int], Sequence[int]]
) -> Iterator[tuple[int, int]]:
    if _letter(pid) not in without:
        yield pid, parent
        for child in children(pid):
            yield from _below(child, pid, without, children)


def _searched() -> Callable[[int], Sequence[int]]:
    """Tells the children of a process, each time once, where the kernel does not: from one look at all processes."""
    found: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found.setdefault(process.ppid(), []).append(process.pid)
    return lambda pid: found.pop(pid, ())


def children_of(pid: int) -> list[int]:
    """Its children, where the kernel tells them (`CHILDREN_KNOWN`)."""
    found: list[int] = []
    with suppress(OSError):  # it has just ended
        tasks = f"{PROC}/{pid}/task"
        for task in os.listdir(tasks):  # noqa: PTH208 - twice a second, beside a measurement: as cheap as can be
            with open(f"{tasks}/{task}/children", "rb") as children:  # noqa: PTH123
                found += map(int, children.read().split())
    return found


def _letter(pid: int) -> str:
    """The state of a process, as the kernel's letter; "" if there is none."""
    if CHILDREN_KNOWN:
        try:
            with open(f"{PROC}/{pid}/stat", "rb") as stat:  # noqa: PTH123
                return stat.read().rpartition(b")")[2].split(maxsplit=1)[0].decode()
        except OSError:
            return ""
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return ""
    return {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_DEAD: "X", psutil.STATUS_STOPPED: "T"}.get(status, "R")


def _await_still(pid: int) -> None:
    give_up = time.monotonic() + STILL_TIMEOUT_S
    while _letter(pid) not in ("T", "t", *GONE) and time.monotonic() < give_up:
        time.sleep(POLL_S)
