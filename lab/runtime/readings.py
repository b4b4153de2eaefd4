"""The kernel's figures of processes: CPU time and memory. An ended process counts nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

LINUX = sys.platform == "linux"
PROC = Path("/proc")
KIB = 1024
TICKS = os.sysconf("SC_CLK_TCK") if LINUX else 100
# Of /proc/PID/stat, counted from the state: user and system time, its own and its ended children's, and its threads.
OWN, OF_CHILDREN, THREADS = slice(11, 13), slice(13, 15), 17


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds of them and of their ended children."""
    return sum(map(_cpu_s, pids))


def memory_bytes(pid: int) -> int:
    """The memory of one process: shared pages count proportionally, as a container's limit counts them."""
    with suppress(OSError, StopIteration):
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return KIB * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _cpu_s(pid: int) -> float:
    if not LINUX:
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            return float(times.user + times.system)
        return 0.0
    try:
        words = _read(pid, "stat").rpartition(b")")[2].split()
        own, of_children = sum(map(int, words[OWN])), sum(map(int, words[OF_CHILDREN]))
        if (
            int(words[THREADS]) == 1
        ):  # to the nanosecond: half a tick of a hundred short sessions is half a second
            with suppress(FileNotFoundError):
                return int(_read(pid, "schedstat").split()[0]) / 1e9 + of_children / TICKS
    except OSError:
        return 0.0
    return (own + of_children) / TICKS


def _read(pid: int, name: str) -> bytes:
    with open(f"{PROC}/{pid}/{name}", "rb") as file:  # noqa: PTH123
        return file.read()
