"""Which process a pid means: pids are reused, so each is kept together with a mark of its start."""

from __future__ import annotations

import platform
import sys
from functools import cache
from pathlib import Path

import psutil


def started(pid: int) -> str | None:
    """A mark that no other process of this pid ever has; None if there is no such process (a zombie does not count)."""
    return _started_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)


@cache
def place() -> str:
    """The machine or container whose processes we see."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = ""
    return f"{platform.node()} {namespace}".strip()


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
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None
