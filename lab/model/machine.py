"""What the whole machine did in a run, so that the work of other programs can be told apart from that of the twins."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.targets import Life


@dataclass(frozen=True, kw_only=True)
class MachineSample:
    """Counters of the machine at `at_s`, seconds from T0; they count from its start.

    `busy_s` is the CPU time that all programs have used on the `cores` cores of the twins, including what a hypervisor
    took away (`stolen_s`); `ours_s` is what the twins and the instruments have used. It is read first: what they use
    until `at_s` is missing from it, and is in the next sample.
    """

    at_s: float
    cores: int
    busy_s: float
    ours_s: float
    swapped_bytes: int  # in and out
    oom_kills: int  # processes that the kernel killed for lack of memory
    stolen_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class WakeUps:
    """How late a process of the twin's priority was woken on the twin's cores, in the second from `at_s`."""

    at_s: float
    p50_ms: float
    max_ms: float


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server of a twin with all its processes, as the kernel sees it. None: no limit, or unknown."""

    pid: int  # 0 where it is dead
    born_s: float  # when it was started, in seconds since 1970
    life: Life  # paused as soon as one of its processes is
    cores: str = ""  # the sets of cores that its processes may use
    cpus_max: float | None = None
    memory_max_bytes: int | None = None
    descriptors_max: int | None = None
    throttled_s: float | None = None  # by the CPU limit, since its start
    oom_kills: int | None = None
