"""What a person sees while a run goes on: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.cli.console import Plain
from lab.judge.statistics import is_wrong
from lab.model import FAULT, PHASES, Event, Outcome, StepTaken, in_words
from lab.plan.runs import RunPlan
from lab.record import REQUEST
from lab.record.journal import Listener

REFRESH_S = 0.5
TAIL = 2_000  # records: at any sensible rate more than the two seconds that are shown
WINDOW_S = 2.0
SCHEDULE_MAX_BYTES = 20_000_000
NOTHING = "–"


@contextmanager
def progress(plan: RunPlan, folder: Path, runtime: str) -> Iterator[Listener]:
    """Shows on stderr how the run is going; yields the listener of its journal."""
    console = Plain(stderr=True)
    broken, length = in_words(plan.scenario.faults) or "none (control)", f"{plan.phases.total_s:g} s"
    console.print(f"{plan.scenario.name} on the {runtime} runtime, {length}, seed {plan.seed}: {broken}")
    if not console.is_terminal or console.is_dumb_terminal:
        yield partial(_print_step, console)
        return
    panel = Panel(plan, folder)
    with Live(panel.draw(), console=console, refresh_per_second=4, transient=True) as live:
        stop = threading.Event()
        drawer = threading.Thread(target=_keep_drawing, args=(panel, live, stop), daemon=True)
        drawer.start()
        try:
            yield panel.hear
        finally:
            stop.set()
            drawer.join(timeout=2)


def _print_step(console: Console, event: Event) -> None:
    if isinstance(event, StepTaken):
        console.print(f"  {event.text}", soft_wrap=True)


def _keep_drawing(panel: Panel, live: Live, stop: threading.Event) -> None:
    while not stop.wait(REFRESH_S):
        live.update(panel.draw())


class Panel:
    """The live view: phase and countdown, the fault, and how each twin is doing."""

    def __init__(self, plan: RunPlan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._step = "starting"
        self._entered = time.monotonic()
        self._t0: float | None = None
        self._due: NDArray[np.float64] | None = None

    def hear(self, event: Event) -> None:
        if isinstance(event, StepTaken):
            self._step, self._entered = event.text, time.monotonic()
            if event.at_s is not None:
                self._t0 = self._entered - event.at_s

    def draw(self) -> Group:
        table = Table("twin", "good/s", "p95 ms", "waiting", box=None, pad_edge=False)
        now, load = time.monotonic(), self._plan.scenario.load
        for twin in self._plan.names:
            path = self._folder / twin / "requests.bin"
            good, p95_ms = recent(path, load.good_within_ms, now)
            told = NOTHING if math.isnan(p95_ms) else f"{p95_ms:.0f}"
            table.add_row(twin, f"{good:.0f} of {load.rate_rps:g}", told, self._waiting(path, now))
        return Group(Text(self._heading(), style="bold"), table)

    def _heading(self) -> str:
        phase = self._step.partition(":")[0]
        if phase not in PHASES:
            return self._step
        start_s, end_s = self._plan.phases.window(phase)
        left_s = max(0.0, end_s - start_s - (time.monotonic() - self._entered))
        state = "  FAULT ON" if phase == FAULT and self._plan.scenario.faults else ""
        return f"{self._step}  {left_s:.0f} s left{state}"

    def _waiting(self, path: Path, now: float) -> str:
        """How many requests were due by now and have no end yet."""
        if self._t0 is None:
            return NOTHING
        if self._due is None:
            self._due = due(self._folder / "schedule.jsonl")
        if not self._due.size:
            return NOTHING
        return str(max(0, int(np.searchsorted(self._due, now - self._t0, side="right")) - ended(path)))


def due(schedule: Path) -> NDArray[np.float64]:
    """The instants of the schedule, in order; none if it is too long to be read while a run goes on."""
    try:
        if schedule.stat().st_size > SCHEDULE_MAX_BYTES:
            return np.empty(0)
        return np.sort([json.loads(line)["at_s"] for line in schedule.read_text().splitlines()])
    except (OSError, ValueError, KeyError):
        return np.empty(0)


def ended(path: Path) -> int:
    """How many requests have ended, according to the file `path`."""
    try:
        return max(0, path.stat().st_size // REQUEST.itemsize - 1)  # the first names the twin
    except OSError:
        return 0


def recent(path: Path, good_within_ms: float, now: float) -> tuple[float, float]:
    """(good answers per second, p95 in ms) of what ended in the last two seconds before the instant `now`."""
    first = max(0, (size := ended(path)) - TAIL)
    try:
        tail = np.fromfile(path, dtype=REQUEST, offset=(first + 1) * REQUEST.itemsize, count=size - first)
    except OSError:
        return 0.0, math.nan
    tail = tail[tail["end"] > now - WINDOW_S]
    if not len(tail):
        return 0.0, math.nan
    latency_ms = (tail["end"] - tail["intended"]) * 1_000
    right = (tail["outcome"] == Outcome.OK) & ~is_wrong(tail)
    good = right & (latency_ms <= good_within_ms)
    return float(good.sum()) / WINDOW_S, float(np.quantile(latency_ms, 0.95))
