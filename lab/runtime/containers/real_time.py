"""Real-time priority for load and probes in containers, where the kernel rations it by cgroup (only version 1 does).

There the engine's own cgroup has none until it is given some, as .ci/run does; without it a busy machine wakes load and
probes late, and the run is invalid. Elsewhere permission to ask for it is enough.
"""

from __future__ import annotations

from pathlib import Path

from lab.runtime.programs import as_root

CGROUP = Path("/sys/fs/cgroup/cpu")
FILE = "cpu.rt_runtime_us"
WANTED_US = 200_000  # of each second, for each of four programs
SHARE_US = 950_000


def lacking(cgroup: Path = CGROUP) -> bool:
    """Whether this kernel rations real-time priority, and gives containers too little of it."""
    return (cgroup / FILE).exists() and _shared_us(cgroup) < WANTED_US


def asked_us(cgroup: Path = CGROUP) -> int | None:
    """The real-time CPU, in µs per second, that a container of load or probes asks for; None if it can get none."""
    return WANTED_US if _shared_us(cgroup) >= WANTED_US else None


def advice() -> str:
    """How to let containers have real-time priority, so that load and probes wake on time; "" if they have it."""
    if not lacking():
        return ""
    return f"This kernel gives containers no real-time priority. To wake load and probes on time: {remedy()}."


def remedy() -> str:
    """The command that gives containers real-time priority."""
    make, write = as_root(f"mkdir -p {CGROUP}/docker"), as_root(f"tee {CGROUP}/docker/{FILE}")
    return f"{make} && echo {SHARE_US} | {write} (until the next boot)"


def _shared_us(cgroup: Path) -> int:
    try:
        return int((cgroup / "docker" / FILE).read_text())
    except (OSError, ValueError):
        return 0
