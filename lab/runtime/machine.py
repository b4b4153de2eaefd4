"""The counters of the whole machine, from Linux's /proc: what its cores and its memory were used for."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from lab.model import MachineSample
from lab.runtime.cores import available
from lab.runtime.ownership.trees import family
from lab.runtime.readings import cpu_s

PROC = Path("/proc")
IDLE, IOWAIT, STEAL = 4, 5, 8  # columns of /proc/stat: all but the first two are somebody's time


class Counters:
    """The counters, read again and again."""

    def __init__(self) -> None:
        self._before: MachineSample | None = None
        self._family: dict[int, int] = {}
        self._lost_s = 0.0

    def look(self, elsewhere_s: float = 0.0) -> MachineSample | None:
        """All counters now, at an instant of CLOCK_MONOTONIC; None if the system does not report them.

        `ours_s` is what this process and its descendants have used, plus `elsewhere_s` (in containers). If a parent is
        killed together with its children, their time is lost, because none of ours waits for them. How much they used
        at the end is then unknown, so no time since the last look counts as foreign.
        """
        if not (PROC / "stat").exists():  # before it costs anything
            return None
        everybody = family(os.getpid())
        if (now := _look(cpu_s(everybody) + elsewhere_s)) is None:
            return None
        gone = self._family.keys() - everybody.keys()
        orphaned = any(self._family[pid] in gone for pid in gone)
        if self._before is not None and (orphaned or now.ours_s + self._lost_s < self._before.ours_s):
            self._lost_s = self._before.ours_s + now.busy_s - self._before.busy_s - now.ours_s
        self._family = everybody
        self._before = replace(now, ours_s=now.ours_s + self._lost_s)
        return self._before


def _look(ours_s: float) -> MachineSample | None:
    cores = available()
    try:
        stat, vmstat = (PROC / "stat").read_text(), (PROC / "vmstat").read_text()
    except OSError:
        return None
    at_s = time.monotonic()
    return MachineSample(
        at_s=at_s,
        cores=len(cores),
        busy_s=len(cores) * at_s - _column_s(stat, cores, IDLE, IOWAIT),
        stolen_s=_column_s(stat, cores, STEAL),
        ours_s=ours_s,
        swapped_bytes=os.sysconf("SC_PAGE_SIZE") * _entries(vmstat, {"pswpin", "pswpout"}),
        oom_kills=_entries(vmstat, {"oom_kill"}),
    )


def _column_s(stat: str, cores: Sequence[int], *columns: int) -> float:
    """Seconds of these cores. The kernel counts idle time exactly, but time in use only by ticks."""
    names = {f"cpu{core}" for core in cores}
    rows = [words for line in stat.splitlines() if (words := line.split())[:1] and words[0] in names]
    ticks = sum(int(words[column]) for words in rows for column in columns)
    return ticks / os.sysconf("SC_CLK_TCK")


def _entries(vmstat: str, names: Collection[str]) -> int:
    rows = (line.split() for line in vmstat.splitlines())
    return sum(int(count) for name, count in rows if name in names)
