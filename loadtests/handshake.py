"""How a run starts: each program says that it is ready, then waits for the instant at which all begin."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

POLL_S = 0.02
PATIENCE_S = 60.0


def read_config(path: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(Path(path).read_text())
    return config


def write_json(path: str | Path, value: Any) -> None:
    """All at once: whoever looks for the file finds it whole."""
    fresh = Path(path).with_name(f".{Path(path).name}")
    fresh.write_text(json.dumps(value) + "\n")
    fresh.replace(path)


def await_t0(ready: str, t0: str) -> float:
    """Say that we are ready; returns the instant (CLOCK_MONOTONIC) of the start. Raises TimeoutError after a minute."""
    write_json(ready, {"monotonic": time.monotonic()})
    give_up = time.monotonic() + PATIENCE_S
    while not Path(t0).exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{t0} did not appear within {PATIENCE_S:g} s: the lab never gave the start")
        time.sleep(POLL_S)
    return float(json.loads(Path(t0).read_text())["t0"])
