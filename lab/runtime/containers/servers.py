"""The containers of a run as servers, and the CPU time they use, from the kernel: asking the engine costs too much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
REAPED_S = 0.3  # in one look, a shim's own helpers use less: it must be a container that has ended


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


class Spending:
    """CPU seconds that the containers of a run have used, those that have ended included, and the engine for them."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Cgroup, Counters]] = {}
        self._engine: dict[int, float] = {}
        self._engine_s = 0.0

    def total_s(self, containers: Iterable[Container]) -> float:
        for container in containers:
            name = str(container.name)
            if name not in self._seen and (pid := pid_of(container)):
                self._seen[name] = (cgroup_of(pid), Counters())
        for kernel, counters in self._seen.values():
            counters.see(kernel)
        self._see_engine()
        return sum(counters.cpu_s or 0.0 for _, counters in self._seen.values()) + self._engine_s

    def _see_engine(self) -> None:
        """Its own processes, with their ended children: it starts and kills containers by other programs.

        When a container ends, its shim has all that it used among those of its children. Its cgroup has counted that.
        """
        for pid, name in _engine():
            used_s = cpu_s([pid])
            more_s = used_s - self._engine.get(pid, 0.0)
            if more_s > 0:
                self._engine[pid] = used_s
                self._engine_s += 0.0 if name.startswith(SHIM) and more_s > REAPED_S else more_s


def _engine() -> list[tuple[int, str]]:
    """The pid and name of each of the engine's own processes."""
    found = [(one.pid, str(one.info["name"])) for one in psutil.process_iter(["name"])]
    return [(pid, name) for pid, name in found if name.startswith(ENGINE)]
