"""How a run starts and ends: each program reports that it is ready, then waits for the signal to begin, or to end."""

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
    """Ask the system to wake us on time even on a busy core; returns what it granted, in one word.

    A request that is sent late is not the service's fault, and a busy machine makes the whole run invalid. Without the
    privilege (usually only root has it) nothing changes. Child processes do not inherit it.
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
    """Written atomically: the file is never seen half written."""
    fresh = Path(path).with_name(f".{Path(path).name}")
    fresh.write_text(json.dumps(value) + "\n")
    fresh.replace(path)


def await_t0(ready: str, t0: str) -> float:
    """Report ready; returns the instant of the start (CLOCK_MONOTONIC). Raises TimeoutError after a minute."""
    write_json(ready, {"monotonic": time.monotonic()})
    return float(await_signal(t0)["t0"])


def await_signal(path: str) -> dict[str, Any]:
    """What the file says as soon as it is there. Raises TimeoutError after a minute."""
    give_up = time.monotonic() + PATIENCE_S
    while not Path(path).exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{path} did not appear within {PATIENCE_S:g} s: no signal came")
        time.sleep(POLL_S)
    return read_config(path)
