"""The kernel's counters and limits of a container, read from its control groups, version 1 or 2.

The engine's own figures come once a second, and a request waits for the next: too coarse for a phase of a few seconds,
and too slow for a run that must be on time. If the engine runs on another machine (such as Docker Desktop's), there is
nothing to read, and every answer is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
NS, US = 1e9, 1e6
UNIFIED = ""  # version 2 has one hierarchy for all controllers


@dataclass(frozen=True, kw_only=True)
class Cgroup:
    """The control groups of one container, by controller. They vanish when it ends, and return under the same name."""

    folders: Mapping[str, Path] = field(default_factory=dict)

    def cpu_s(self) -> float | None:
        """CPU seconds used since its start."""
        used = self._number("cpuacct", "cpuacct.usage")
        return _scaled(self._entry(UNIFIED, "cpu.stat", "usage_usec"), US) if used is None else used / NS

    def throttled_s(self) -> float | None:
        """How long its processes were throttled by its CPU limit."""
        held = self._entry("cpu", "cpu.stat", "throttled_time")
        return _scaled(self._entry(UNIFIED, "cpu.stat", "throttled_usec"), US) if held is None else held / NS

    def cpus_max(self) -> float | None:
        """Its CPU limit, in cores."""
        quota, period = self._number("cpu", "cpu.cfs_quota_us"), self._number("cpu", "cpu.cfs_period_us")
        if quota is None or period is None:
            words = self._text(UNIFIED, "cpu.max").split()
            quota, period = [int(word) if word.isdecimal() else -1 for word in words] or (-1, 1)
        return quota / period if quota > 0 else None

    def memory_bytes(self) -> int | None:
        """The memory of its processes, without file pages that can be dropped."""
        held = self._entry("memory", "memory.stat", "rss")
        return self._entry(UNIFIED, "memory.stat", "anon") if held is None else held

    def charged_bytes(self) -> int | None:
        """Everything that counts towards its limit."""
        charged = self._number("memory", "memory.usage_in_bytes")
        return self._number(UNIFIED, "memory.current") if charged is None else charged

    def memory_max_bytes(self) -> int | None:
        limit = self._number("memory", "memory.limit_in_bytes")
        return self._number(UNIFIED, "memory.max") if limit is None else limit

    def oom_kills(self) -> int | None:
        """Processes that the kernel killed for lack of memory."""
        kills = self._entry("memory", "memory.oom_control", "oom_kill")
        return self._entry(UNIFIED, "memory.events", "oom_kill") if kills is None else kills

    def frozen(self) -> bool:
        """Whether its processes were stopped as a whole, as `docker pause` does it."""
        state = self._text("freezer", "freezer.state").strip()
        return state in ("FROZEN", "FREEZING") or bool(self._entry(UNIFIED, "cgroup.events", "frozen"))

    def pids(self) -> list[int]:
        """The pids of its processes on this machine."""
        controller = "memory" if "memory" in self.folders else UNIFIED
        return [int(word) for word in self._text(controller, "cgroup.procs").split()]

    def _number(self, controller: str, file: str) -> int | None:
        text = self._text(controller, file).strip()
        return int(text) if text.lstrip("-").isdecimal() else None

    def _entry(self, controller: str, file: str, name: str) -> int | None:
        """The number after `name` in a file of such lines."""
        lines = [line.split() for line in self._text(controller, file).splitlines()]
        return next((int(line[1]) for line in lines if line[0] == name), None)

    def _text(self, controller: str, file: str) -> str:
        """The contents of the file; "" if there is none."""
        with suppress(OSError):
            if controller in self.folders:
                return (self.folders[controller] / file).read_text()
        return ""


class Counters:
    """The kernel's counters of a container, summed over its restarts: at each they begin at zero."""

    def __init__(self) -> None:
        self.cpu_s: float | None = None
        self.throttled_s: float | None = None
        self.oom_kills: int | None = None
        self._earlier = (0.0, 0.0, 0)  # from before the last restart

    def see(self, cgroup: Cgroup, *, oom: bool = False) -> None:
        """Read them now; `oom`: lack of memory has ended it, and its counters with it."""
        cpu_s, throttled_s, kills = cgroup.cpu_s(), cgroup.throttled_s(), cgroup.oom_kills()
        if cpu_s is not None and self.cpu_s is not None and self._earlier[0] + cpu_s < self.cpu_s:
            self._earlier = (self.cpu_s, self.throttled_s or 0.0, self.oom_kills or 0)
        self.cpu_s = self.cpu_s if cpu_s is None else self._earlier[0] + cpu_s
        self.throttled_s = self.throttled_s if throttled_s is None else self._earlier[1] + throttled_s
        if kills is not None:
            self.oom_kills = self._earlier[2] + kills
        elif oom:
            self.oom_kills = max(self.oom_kills or 0, self._earlier[2] + 1)


def cgroup_of(pid: int) -> Cgroup:
    """The control groups of the container whose first process is `pid` on this machine."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return Cgroup()
    folders: dict[str, Path] = {}
    for _number, controllers, path in (line.split(":", 2) for line in lines):
        for controller in controllers.split(","):
            folder = CGROUPS / controller / path.lstrip("/")
            if path != "/" and folder.is_dir():
                folders[controller] = folder
    return Cgroup(folders=folders)


def _scaled(number: int | None, per_second: float) -> float | None:
    return None if number is None else number / per_second
