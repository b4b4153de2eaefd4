"""Each twin runs on cores of its own, so that one that is busy does not slow the other down.

With fewer cores than twins they share all of them. The instruments may run on any core, at a higher priority.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from lab.runtime.priority import cores, granted

TASKSET = ("taskset", "--cpu-list")


def available() -> tuple[int, ...]:
    """The cores that a run may use: as many of this process's cores as its control group grants; none if unknown."""
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return tuple(known[: cores()])


def usable() -> tuple[int, ...]:
    """The cores that twins can be given: none where the system pins no process to a core."""
    return mine if only_on(mine := available()) else ()


def shares(given: Sequence[int], twins: int) -> list[tuple[int, ...]]:
    """The cores of each twin: the same number each, and none shared; if there are too few, every twin gets all."""
    each = len(given) // twins
    if not each:
        return [tuple(given)] * twins
    return [tuple(given[number * each : (number + 1) * each]) for number in range(twins)]


def listed(mine: Sequence[int]) -> str:
    """As taskset(1) and Docker take them: "0,1"."""
    return ",".join(map(str, mine))


def only_on(mine: Sequence[int]) -> tuple[str, ...]:
    """The prefix of a command that makes it, and whatever it starts, run only on these cores."""
    prefix = (*TASKSET, listed(mine))
    return prefix if mine and granted(prefix) else ()
