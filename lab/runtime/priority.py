"""Priorities on a shared machine: the lab's own instruments first, then the system under test.

A request that is sent late, or a delay that the scheduler adds, says nothing about a service. A program gets its
priority by a prefix to its command line; load and probes ask for theirs (loadtests/handshake.py) once they are ready.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from lab.model import LabError
from lab.runtime.programs import ended

ASK_TIMEOUT_S = 5
REAL_TIME = ("chrt", "--rr", "1")
IDLE = ("chrt", "--idle", "0")
LOWEST = ("nice", "-n", "19")


def punctual() -> tuple[str, ...]:
    """The prefix for an instrument of the lab: woken on time, whatever else runs. As a rule only root may have that."""
    return REAL_TIME if granted(REAL_TIME) else ()


def giving_way() -> tuple[str, ...]:
    """The prefix for what is under test: it runs only when nothing else in our session wants to, and yields at once."""
    return IDLE if granted(IDLE) else LOWEST


def cores() -> int:
    """How many cores this process may use: fewer than there are under taskset(1), or in a container with a quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, int(_quota(allowed))))


def _quota(otherwise: float, groups: Path = Path("/sys/fs/cgroup")) -> float:
    """How many cores' worth of time the control group of a container grants."""
    with suppress(OSError, ValueError, ZeroDivisionError):  # ValueError: "max", which is no bound
        if (version_2 := groups / "cpu.max").exists():
            quota, period = version_2.read_text().split()
        else:
            quota = (groups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (groups / "cpu" / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else otherwise
    return otherwise


def be_punctual() -> None:
    """Real-time priority for this thread alone, not for what it starts; harmless if it is refused, or not on Linux."""
    with suppress(AttributeError, OSError):
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))


@cache
def granted(prefix: tuple[str, ...]) -> bool:
    """Whether this machine allows it: root in a container may not, and other systems have no chrt(1)."""
    try:
        return ended([*prefix, "true"], timeout_s=ASK_TIMEOUT_S).code == 0
    except LabError:
        return False
