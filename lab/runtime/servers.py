"""One server of a twin, with all its processes, as the kernel sees it: is it still the same, and is it held back?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

import psutil

from lab.model import Life, Server
from lab.runtime.cgroups import Cgroup, cgroup_of
from lab.runtime.descriptors import soft_limit
from lab.runtime.ownership.trees import children_of, stopped, tree

CHILDREN_MAX = 8


def read(root: int, limits: Cgroup) -> Server:
    """The server whose first process is `root` (0: none), in the control groups `limits`."""
    pids = tree(root)
    return Server(
        pid=root if pids else 0,
        born_s=_born_s(root) if pids else 0.0,
        life=_life(pids, limits),
        cores=" ".join(sorted({_cores(pid) for pid in pids} - {""})),
        cpus_max=limits.cpus_max(),
        memory_max_bytes=limits.memory_max_bytes(),
        descriptors_max=soft_limit(root) if pids else None,
        throttled_s=limits.throttled_s(),
        oom_kills=limits.oom_kills(),
    )


def life(root: int) -> Life:
    """Whether it runs, and nothing else: cheap enough for several times a second.

    To look at each of the 60 processes of a twin takes 8 ms of CPU time. So of a server with many, as PostgreSQL has,
    only the first is looked at; whoever stops the server stops that one, too.
    """
    children = children_of(root) if root > 0 else []
    pids = [root, *children] if len(children) <= CHILDREN_MAX else [root]
    return _life(pids, cgroup_of(root)) if root > 0 else Life.DEAD


def _born_s(pid: int) -> float:
    with suppress(psutil.Error):
        return float(psutil.Process(pid).create_time())
    return 0.0


def _life(pids: Sequence[int], limits: Cgroup) -> Life:
    if not pids:
        return Life.DEAD
    return Life.PAUSED if limits.frozen() or any(map(stopped, pids)) else Life.RUNNING


def _cores(pid: int) -> str:
    """The cores that it may use, as "0-3,8"; "" where that is unknown."""
    try:
        cores = sorted(os.sched_getaffinity(pid))
    except (AttributeError, OSError):  # not Linux, or it has just ended
        return ""
    runs = [[core for _, core in run] for _, run in groupby(enumerate(cores), lambda at: at[1] - at[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
