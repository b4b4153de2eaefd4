"""What the figures see: one run as a few numpy columns, on a time axis that is zero at the start of the fault phase.

Every request is of exactly one kind. No figure loops over requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.model import BASELINE, FAULT, RECOVERY, WARMUP, Ending, Fault, Phases, Sample, WakeUps, Window

LOADED_PHASES = (WARMUP, BASELINE, FAULT, RECOVERY)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A delay that was requested on a link for a while: how much later a probe should be answered, and why."""

    target: str
    window: Window
    delay_ms: float
    words: str


@dataclass(frozen=True, kw_only=True)
class TwinView:
    """One twin's requests in columns, a row for each planned one, and what the probes saw.

    `place` counts from 0 in the order of the run: it decides how the twin is drawn.
    """

    name: str
    place: int
    at_s: Floats
    latency_ms: Floats
    kind: NDArray[np.uint8]
    planned: int
    windows: tuple[Window, ...]  # when any fault was really on
    asked: tuple[Asked, ...]
    probes: Sequence[Sample]
    wake_ups: Sequence[WakeUps]  # of a process of its priority, on its cores

    def share(self, kind: int, window: Window) -> float:
        """The share of `kind` among the requests planned in `window`; nan if there are none."""
        chosen = self.kind[(self.at_s >= window[0]) & (self.at_s < window[1])]
        return float(np.mean(chosen == kind)) if chosen.size else float("nan")

    def answer_ms(self, window: Window) -> Floats:
        """Sorted answer times of the requests planned in `window`; infinite where no right answer came."""
        chosen = (self.at_s >= window[0]) & (self.at_s < window[1])
        return np.sort(np.where(self.kind[chosen] <= Ending.LATE, self.latency_ms[chosen], np.inf))

    def counts(self, window: Window) -> list[int]:
        """How many requests of each kind were planned in `window`, in the order of Ending."""
        chosen = self.kind[(self.at_s >= window[0]) & (self.at_s < window[1])]
        return [int(count) for count in np.bincount(chosen, minlength=len(Ending))]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """The twins of one run, in order, and what they share. `comparable`: whether their latencies may be compared."""

    twins: tuple[TwinView, ...]
    phases: Phases
    good_within_ms: float
    client_timeout_ms: float
    faults: tuple[Fault, ...]
    comparable: bool

    def window(self, phase: str) -> Window:
        """[start, end) of `phase`, seconds from the start of the fault phase."""
        start, end = self.phases.window(phase)
        zero = self.phases.window(FAULT)[0]
        return start - zero, end - zero

    @property
    def span(self) -> Window:
        """From the first to the last planned arrival."""
        return self.window(WARMUP)[0], self.window(RECOVERY)[1]

    @property
    def time_label(self) -> str:
        return "when requests were due, seconds from the start of the fault" + (
            "" if self.faults else " phase (nothing breaks)"
        )


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """One twin second by second, by planned instant. No bin spans two phases."""

    edges: Floats
    planned: Floats  # per second
    good: Floats  # per second
    ratio: Floats  # good among planned, nan where nothing was planned
    unanswered: Floats  # share without a right answer
    p50_ms: Floats  # over all planned, infinite where no right answer came
    p95_ms: Floats

    @property
    def middles(self) -> Floats:
        return (self.edges[:-1] + self.edges[1:]) / 2


def seconds(run: RunView, twin: TwinView) -> Seconds:
    edges = bin_edges(run, 1.0)
    widths = np.diff(edges)
    planned = np.histogram(twin.at_s, edges)[0]
    good = np.histogram(twin.at_s[twin.kind == Ending.GOOD], edges)[0]
    answered = np.histogram(twin.at_s[twin.kind <= Ending.LATE], edges)[0]
    some = np.where(planned > 0, planned, np.nan)
    p50, p95 = _quantiles(twin, edges, planned, (0.5, 0.95))
    return Seconds(
        edges=edges,
        planned=planned / widths,
        good=good / widths,
        ratio=good / some,
        unanswered=1 - answered / some,
        p50_ms=p50,
        p95_ms=p95,
    )


def bin_edges(run: RunView, width_s: float) -> Floats:
    """Edges of bins of `width_s`, starting anew in every phase; the last bin of a phase may be shorter."""
    starts = [np.arange(start, end - 1e-9, width_s) for start, end in map(run.window, LOADED_PHASES)]
    return np.append(np.concatenate(starts), run.span[1])


def _quantiles(
    twin: TwinView, edges: Floats, planned: NDArray[Any], wanted: tuple[float, ...]
) -> list[Floats]:
    """For each bin, the wanted quantiles of the answer time over all planned requests."""
    inside = (twin.at_s >= edges[0]) & (twin.at_s < edges[-1])
    bins = np.searchsorted(edges, twin.at_s[inside], side="right") - 1
    answer = np.where(twin.kind[inside] <= Ending.LATE, twin.latency_ms[inside], np.inf)
    answer = answer[np.lexsort((answer, bins))]
    starts = np.concatenate(([0], np.cumsum(planned)[:-1]))
    found = []
    for quantile in wanted:
        ranks = starts + np.maximum(np.ceil(quantile * planned).astype(np.int64) - 1, 0)
        values = (
            answer[np.minimum(ranks, max(answer.size - 1, 0))]
            if answer.size
            else np.full(planned.size, np.nan)
        )
        found.append(np.where(planned > 0, values, np.nan))
    return found
