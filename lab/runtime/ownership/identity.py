"""Which process a pid means: pids are reused, so each is kept together with a mark of its start."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MACHINE_ID = Path("/etc/machine-id")


def started(pid: int) -> str | None:
    """A mark that no other process of this pid ever has; None if there is no such process (a zombie does not count)."""
    return _started_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)


def place() -> dict[str, str]:
    """The machine or container whose processes we see, as a ledger keeps it: compare it with `here`."""
    return {
        "boot": _boot(),
        "processes": _namespace(),
        "machine": _line_of(MACHINE_ID),
        "name": platform.node(),
    }


def here(told: Mapping[str, str]) -> bool:
    """Whether `told` is this machine or container. Its name alone says little: a new network may change it.

    Of machines that were copied from one image, all may have one id, but each was started by itself. After a restart
    only id and name can tell: both must be the same.
    """
    now = place()
    same = {name for name in now if told[name] == now[name]}
    return "processes" in same and (bool(now["boot"] and "boot" in same) or {"machine", "name"} <= same)


def _started_linux(pid: int) -> str | None:
    # Not psutil's create_time(): it is wall clock and moves when the clock is set.
    try:
        # The command name, in parentheses, may hold spaces and parentheses itself.
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else f"{_boot()}/{numbers[18]}"


@cache
def _boot() -> str:
    return _line_of(BOOT_ID)


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        return ""


def _line_of(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # not Linux, or a container made without it
        return ""


def _started_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None
