"""The containers of a run as servers, and the CPU time they use, from the kernel: asking the engine costs too much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from docker.models.containers import Container

from lab.model import Server
from lab.runtime.cgroups import Cgroup, Counters, cgroup_of
from lab.runtime.containers.engine import answering
from lab.runtime.readings import cpu_s
from lab.runtime.servers import read

ENGINE = ("dockerd", "containerd")  # it starts, stops and logs what runs in containers
SHIM = "containerd-shim"  # of which each container has one: its parent
REAPED_S = 0.3  # a shim's own helpers use less between two looks; more means that a container has ended


def servers_of(containers: Mapping[str, Sequence[Container]]) -> dict[str, Server]:
    """Every container of each part, as a server: by "part/member"."""
    return {
        f"{part}/{number}": read(pid := pid_of(container), cgroup_of(pid))
        for part, members in containers.items()
        for number, container in enumerate(members, start=1)
    }


def pid_of(container: Container) -> int:
    """Its first process on this machine; 0 where it does not run. The engine is asked only when that one has ended."""
    pid = int(container.attrs["State"]["Pid"])
    if not Path(f"/proc/{pid}").exists() or not pid:
        with answering():
            container.reload()
        pid = int(container.attrs["State"]["Pid"])
    return pid


def limits_of(containers: Mapping[str, Sequence[Container]]) -> dict[str, dict[str, float]]:
    """The limits that the engine sets on each part."""
    hosts = {part: members[0].attrs["HostConfig"] for part, members in containers.items()}
    return {
        part: {"cpus": host["NanoCpus"] / 1e9, "memory_bytes": host["Memory"]} for part, host in hosts.items()
    }


def environments_of(containers: Mapping[str, Sequence[Container]]) -> dict[str, dict[str, str]]:
    """The environment of each part: variables of its image and of compose/."""
    return {
        part: dict(line.split("=", 1) for line in members[0].attrs["Config"]["Env"] if "=" in line)
        for part, members in containers.items()
    }


class Engine:
    """The engine's own processes on this machine, found without searching all of its processes at every look."""

    def __init__(self) -> None:
        self._daemons: list[psutil.Process] = []
        self._expected: int | None = None  # how many daemons; None before the first search
        self._shims: dict[int, psutil.Process] = {}  # by the first process of the container

    def daemons(self) -> list[psutil.Process]:
        """Searched for once, and again when one has ended. Empty if the engine is on another machine."""
        alive = [daemon for daemon in self._daemons if daemon.is_running()]
        if self._expected is None or len(alive) < self._expected:
            alive = [one for one in psutil.process_iter(["name"]) if _is_daemon(str(one.info["name"]))]
            self._expected = max(self._expected or 0, len(alive))
        self._daemons = alive
        return alive

    def shims(self, roots: Iterable[int]) -> set[psutil.Process]:
        """Those of the containers whose first processes are `roots`, and earlier ones that still live."""
        alive = {root: shim for root, shim in self._shims.items() if shim.is_running()}
        for root in roots:
            if root and root not in alive and (shim := _shim_of(root)):
                alive[root] = shim
        self._shims = alive
        return set(alive.values())


class Spending:
    """CPU seconds that the containers of a run have used, those that have ended included, and the engine for them."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Cgroup, Counters]] = {}
        self._engine = Engine()
        self._used_s: dict[psutil.Process, float] = {}  # by each of the engine's processes
        self._engine_s = 0.0

    def total_s(self, containers: Iterable[Container]) -> float:
        roots = []
        for container in containers:
            name = str(container.name)
            if name not in self._seen and (pid := pid_of(container)):
                self._seen[name] = (cgroup_of(pid), Counters())
            roots.append(int(container.attrs["State"]["Pid"]))
        for kernel, counters in self._seen.values():
            counters.see(kernel)
        self._see_engine(roots)
        return sum(counters.cpu_s or 0.0 for _, counters in self._seen.values()) + self._engine_s

    def _see_engine(self, roots: Iterable[int]) -> None:
        """Add what the engine's processes have used, ended children included: other programs start and kill containers.

        When a container ends, all that it has used is added to its shim's children; its cgroup has counted that.
        """
        self._engine_s += sum(map(self._more_s, self._engine.daemons()))
        since_s = map(self._more_s, self._engine.shims(roots))
        self._engine_s += sum(more_s for more_s in since_s if more_s <= REAPED_S)

    def _more_s(self, process: psutil.Process) -> float:
        """What it has used since the last look."""
        before_s = self._used_s.get(process, 0.0)
        self._used_s[process] = max(cpu_s([process.pid]), before_s)
        return self._used_s[process] - before_s


def _is_daemon(name: str) -> bool:
    return name.startswith(ENGINE) and not name.startswith(SHIM)


def _shim_of(root: int) -> psutil.Process | None:
    """The shim of the container whose first process is `root`; None if that has ended."""
    with suppress(psutil.Error):
        parent = psutil.Process(psutil.Process(root).ppid())
        return parent if parent.name().startswith(SHIM) else None
    return None
