"""The CPU time of a container, read where the kernel keeps it.

The engine's own figures come once a second, and a question waits for the next: too coarse for a phase of a few seconds,
too slow for a walk that has its instants to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def cpu_meter(pid: int) -> Callable[[], float | None]:
    """A reader of the CPU seconds of the container whose first process is `pid` on this machine.

    It reads None where the engine runs elsewhere (Docker Desktop's own machine, say), or when the container has gone.
    """
    try:
        groups = [line.split(":", 2)[1:] for line in (PROC / str(pid) / "cgroup").read_text().splitlines()]
    except OSError:
        groups = []
    for controllers, path in groups:
        inside = path.lstrip("/")
        if "cpuacct" in controllers.split(","):
            return partial(_read, CGROUPS / "cpuacct" / inside / "cpuacct.usage", 0, 1e9)
        if not controllers and (stat := CGROUPS / inside / "cpu.stat").exists():
            return partial(_read, stat, 1, 1e6)  # "usage_usec 1234" comes first
    return lambda: None


def _read(path: Path, word: int, per_second: float) -> float | None:
    try:
        return int(path.read_text().split()[word]) / per_second
    except OSError:
        return None
