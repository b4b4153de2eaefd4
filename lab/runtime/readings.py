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
        with open(f"{PROC}/{pid}/stat", "rb") as stat:  # noqa: PTH123
            words = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / os.sysconf(
        "SC_CLK_TCK"
    )  # user and system, its own and its children's
