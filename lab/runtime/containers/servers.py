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

    def total_s(self, containers: Iterable[Container]) -> float:
        for container in containers:
            name = str(container.name)
            if name not in self._seen and (pid := pid_of(container)):
                self._seen[name] = (cgroup_of(pid), Counters())
        for kernel, counters in self._seen.values():
            counters.see(kernel)
        containers_s = sum(counters.cpu_s or 0.0 for _, counters in self._seen.values())
        for pid in _engine():  # what has ended keeps what it had used
            self._engine[pid] = max(self._engine.get(pid, 0.0), cpu_s([pid]))
        return containers_s + sum(self._engine.values())


def _engine() -> list[int]:
    """The engine's own processes; with their ended children, since it starts and kills containers by other programs."""
    return [one.pid for one in psutil.process_iter(["name"]) if str(one.info["name"]).startswith(ENGINE)]
