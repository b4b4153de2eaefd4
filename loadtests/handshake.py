"""How a run starts: each program says that it is ready, then waits for the instant at which all begin."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

POLL_S = 0.02
PATIENCE_S = 60.0
NICER = -10


def be_punctual() -> str:
    """Ask the system to wake us on time, whoever else wants the core; returns what it gave, in a word.

    A request sent late is not the service's fault, and a busy machine makes the whole run invalid. Without
    the right to ask (only root has it as a rule) nothing changes. What we start inherits nothing of it.
    """
    try:
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except (AttributeError, OSError):  # not Linux, or not allowed
        try:
            return f"niceness {os.nice(NICER)}"
        except OSError:
            return "ordinary"
    return "real time"


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
