"""How late the system wakes a process of the twin's priority on the twin's own cores.

It explains a slow twin and decides nothing: where the canary waited for the core, so did the twin. It is a process of
its own, since a thread that waits for the core would hold up the whole interpreter.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

EVERY_S = 0.02
LOWEST = 19  # niceness


def start(config: dict[str, Any], t0: float) -> None:
    """Start it beside this process, for as long as both live. `config` names its cores, its end and its output."""
    get_context("fork").Process(target=_watch, args=(config, t0), name="canary", daemon=True).start()


def _watch(config: dict[str, Any], t0: float) -> None:
    give_way(config["cores"])
    with Path(config["output"]).open("w", buffering=1) as output:
        for second in range(math.ceil(config["until_s"])):
            late_ms = wake_ups(t0 + second)
            told = {"at_s": second, "p50_ms": statistics.median(late_ms), "max_ms": max(late_ms)}
            output.write(json.dumps({"twin": config["twin"], **told}) + "\n")


def give_way(cores: Sequence[int]) -> None:
    """Take the priority and the cores of the twin, as far as the system lets us."""
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, cores or os.sched_getaffinity(0))
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        with suppress(OSError):
            os.nice(LOWEST)


def wake_ups(
    start: float, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> list[float]:
    """How late each wake-up in the second from `start` was, in ms."""
    late_ms = []
    for tick in range(round(1 / EVERY_S)):
        due = start + tick * EVERY_S
        sleep(max(0.0, due - now()))
        late_ms.append(round((now() - due) * 1_000, 3))
    return late_ms
