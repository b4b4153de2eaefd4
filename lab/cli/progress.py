"""What a person sees while a run goes on: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.model import FAULT, PHASES, Event, Outcome, StepTaken
from lab.plan.runs import RunPlan
from lab.plan.states import describe
from lab.record import REQUEST
from lab.record.journal import Listener

REFRESH_S = 0.5
TAIL = 2_000  # records: at any sensible rate more than the two seconds that are shown
WINDOW_S = 2.0


@contextmanager
def progress(plan: RunPlan, folder: Path, runtime: str) -> Iterator[Listener]:
    """Tells on stderr how the run goes; yields the listener of its journal."""
    console = Console(stderr=True, highlight=False)
    length = f"{plan.phases.total_s:g} s"
    console.print(
        f"{plan.scenario.name} on the {runtime} runtime, {length}, seed {plan.seed}: {describe(plan.scenario.faults)}"
    )
    if not console.is_terminal:
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
    """The live view: phase and countdown, the fault, and each twin's goodput and p95 of the last two seconds."""

    def __init__(self, plan: RunPlan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._step = "starting"
        self._entered = time.monotonic()

    def hear(self, event: Event) -> None:
        if isinstance(event, StepTaken):
            self._step, self._entered = event.text, time.monotonic()

    def draw(self) -> Group:
        table = Table("twin", "good/s", "p95 ms", box=None, pad_edge=False)
        for twin in self._plan.names:
            good, p95_ms = recent(
                self._folder / twin / "requests.bin", self._plan.scenario.load.good_within_ms
            )
            table.add_row(twin, f"{good:.0f} of {self._plan.scenario.load.rate_rps:g}", f"{p95_ms:.0f}")
        return Group(Text(self._heading(), style="bold"), table)

    def _heading(self) -> str:
        phase = self._step.partition(":")[0]
        if phase not in PHASES:
            return self._step
        start_s, end_s = self._plan.phases.window(phase)
        left_s = max(0.0, end_s - start_s - (time.monotonic() - self._entered))
        state = "  FAULT ON" if phase == FAULT and self._plan.scenario.faults else ""
        return f"{self._step}  {left_s:.0f} s left{state}"


def recent(path: Path, good_within_ms: float) -> tuple[float, float]:
    """(good answers per second, p95 in ms of those answered) over the last two seconds that `path` tells of."""
    try:
        size = path.stat().st_size // REQUEST.itemsize
        first = max(0, size - TAIL)
        tail = np.fromfile(path, dtype=REQUEST, offset=first * REQUEST.itemsize, count=size - first)
    except OSError:
        return 0.0, 0.0
    tail = tail[tail["end"] > tail["end"].max(initial=0.0) - WINDOW_S]
    if not len(tail):
        return 0.0, 0.0
    latency_ms = (tail["end"] - tail["intended"]) * 1_000
    good = (tail["outcome"] == Outcome.OK) & (latency_ms <= good_within_ms)
    return float(good.sum()) / WINDOW_S, float(np.quantile(latency_ms, 0.95))
