"""What a twin is made of: its parts, the links between them, and their limits. A value that a scenario chooses.

A link is the path from one part to another, through a proxy of the twin's own Toxiproxy. A part is started only if the
topology has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import LabError

# Parts.
SERVICE = "service"
POSTGRES = "postgres"
PAYMENTS = "payments"
BALANCER = "balancer"
CACHE = "cache"
QUEUE = "queue"
WORKER = "worker"
PARTS = (SERVICE, POSTGRES, PAYMENTS, BALANCER, CACHE, QUEUE, WORKER)

# Links, each named after what it leads to. `payments`, `cache` and `queue` have the names of their parts.
EDGE = "edge"
DATABASE = "database"
LINK_TO: Mapping[str, str] = {
    EDGE: SERVICE,  # from the clients; to the balancer if there is one
    DATABASE: POSTGRES,
    PAYMENTS: PAYMENTS,
    CACHE: CACHE,
    QUEUE: QUEUE,
}
LINKS = tuple(LINK_TO)

REPLICAS_MAX = 4
MIB = 1024 * 1024
# Limits of a part, for a whole run or by a fault.
CPUS_MIN, CPUS_MAX = 0.05, 64.0
MEMORY_MIB_MIN, MEMORY_MIB_MAX = 6, 1024 * 1024  # Docker allows no container less than 6


@dataclass(frozen=True, kw_only=True)
class ServerProfile:
    """How gunicorn runs the service: the same command line for every twin of a run."""

    workers: int = 2
    threads: int = 32
    timeout_s: int = 30  # without a heartbeat of the worker


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """Which replica gets a request, and how health checks decide which replicas may. Used by compose/Caddyfile."""

    policy: str = "round_robin"  # or least_conn
    retries: int = 0  # of requests whose replica was not reachable
    health_path: str = "/readyz"
    health_period_s: float = 1.0
    health_timeout_s: float = 1.0
    health_failures: int = 1  # in a row
    answer_timeout_s: float = 30.0  # for a replica to begin its answer


@dataclass(frozen=True, kw_only=True)
class Restarter:
    """A liveness probe that restarts a replica that fails it, as orchestrators do. The testbed runs it."""

    path: str = "/healthz"
    period_s: float = 1.0
    timeout_s: float = 1.0
    failures: int = 3  # in a row


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a part for the whole run. None: the runtime's default for every part."""

    cpus: float | None = None
    memory_mib: int | None = None  # of memory and swap together

    def __post_init__(self) -> None:
        if self.cpus is not None and not CPUS_MIN <= self.cpus <= CPUS_MAX:
            raise LabError(f"cpus must be from {CPUS_MIN:g} to {CPUS_MAX:g}, not {self.cpus:g}.")
        if self.memory_mib is not None and not MEMORY_MIB_MIN <= self.memory_mib <= MEMORY_MIB_MAX:
            raise LabError(
                f"memory_mib must be from {MEMORY_MIB_MIN} to {MEMORY_MIB_MAX}, not {self.memory_mib}."
            )

    @property
    def memory_bytes(self) -> int | None:
        return None if self.memory_mib is None else self.memory_mib * MIB

    def describe(self) -> str:
        cpus = [] if self.cpus is None else [f"{self.cpus:g} CPUs"]
        memory = [] if self.memory_mib is None else [f"{self.memory_mib} MiB"]
        return " and ".join(cpus + memory) or "no limit"


@dataclass(frozen=True, kw_only=True)
class Topology:
    """The parts of one twin besides the service, how many replicas the service has, and limits.

    Raises LabError for parts that do not exist or do not fit together.
    """

    parts: tuple[str, ...] = (POSTGRES, PAYMENTS)
    replicas: int = 1
    balancing: Balancing = Balancing()
    restarter: Restarter | None = None
    profile: ServerProfile = ServerProfile()
    limits: Mapping[str, Limits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := [part for part in (*self.parts, *self.limits) if part not in PARTS]:
            raise LabError(f"There is no part called {', '.join(unknown)}. Choose from {', '.join(PARTS)}.")
        if not 1 <= self.replicas <= REPLICAS_MAX:
            raise LabError(f"replicas must be from 1 to {REPLICAS_MAX}, not {self.replicas}.")
        if self.replicas > 1 and BALANCER not in self.parts:
            raise LabError(f"{self.replicas} replicas need a balancer in front: add it to the parts.")

    @property
    def links(self) -> tuple[str, ...]:
        """The links that this topology has, the edge first."""
        there = {SERVICE, *self.parts}
        return tuple(link for link, part in LINK_TO.items() if part in there)

    def describe(self) -> str:
        """One short line for people: what each twin is made of."""
        service = "the service" if self.replicas == 1 else f"{self.replicas} replicas of the service"
        looked_after = ""
        if self.restarter is not None:
            failures, period_s = self.restarter.failures, self.restarter.period_s
            looked_after = f" (restarted after {failures} failed liveness probes, one every {period_s:g} s)"
        bounds = [f"{part}: {limits.describe()}" for part, limits in self.limits.items()]
        return "; ".join((", ".join((service + looked_after, *self.parts)), *bounds))

    def behind(self, link: str) -> str:
        """The part that `link` leads to."""
        return BALANCER if link == EDGE and BALANCER in self.parts else LINK_TO[link]

    def members(self, part: str) -> tuple[str, ...]:
        """The names of the members of `part`: only the service has more than one."""
        return tuple(str(n + 1) for n in range(self.replicas if part == SERVICE else 1))
