"""Latency by percentile, one panel per phase: how bad the worst answers are, not how bad the mean is.

All twins share the panels; if their latencies cannot be compared, each has its own row.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lab.judge.statistics import quantile
from lab.model import BASELINE, FAULT, RECOVERY
from reports import look, words
from reports.figures.scales import answer_time_axis, drawn_ms, name_limit
from reports.figures.shading import PHASE_WORDS
from reports.view import RunView, TwinView

SHOWN_PHASES = (BASELINE, FAULT, RECOVERY)
PERCENTILES = (0.5, 0.9, 0.99, 0.999)
NEEDED = {0.99: 368, 0.999: 3_688}  # requests needed for any bound on the percentile: ln 0.025 / ln p
POINTS = 160
ABOVE_IN, ROW_IN, BELOW_IN = 0.33, 2.44, 0.53
FIRST = 1.6  # 1 / (1 - p): the axis begins a little below the median


def claim(run: RunView) -> str:
    """How long each twin takes when nothing is wrong; of the right answers alone if most answers are conflicts."""
    answers = [(twin.name, twin.answer_ms(run.window(BASELINE))) for twin in run.twins]
    what = "answer time"
    if any(np.isinf(quantile(answer_ms, 0.5)) for _, answer_ms in answers):
        what = "answer time of the right answers"
        answers = [(name, answer_ms[np.isfinite(answer_ms)]) for name, answer_ms in answers]
    told = words.series(
        f"{name} {words.milliseconds(quantile(answer_ms, 0.5))}" for name, answer_ms in answers
    )
    return f"Median {what} at baseline, when nothing was wrong: {told}."


def draw(run: RunView) -> Figure:
    rows = [run.twins] if run.comparable else [(twin,) for twin in run.twins]
    figure = look.new_figure(ABOVE_IN + ROW_IN * len(rows) + BELOW_IN)
    height = figure.get_figheight()
    grid = figure.subplots(len(rows), len(SHOWN_PHASES), sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=0.095, right=0.985, top=1 - ABOVE_IN / height, bottom=BELOW_IN / height, hspace=0.08, wspace=0.06
    )
    for row, twins in zip(grid, rows, strict=True):
        for axes, phase in zip(row, SHOWN_PHASES, strict=True):
            _dress(axes, run)
            for twin in twins:
                _curve(axes, run, twin, phase)
        _legend(row[0], run)
        row[0].set_ylabel("answer time")
    for axes, phase in zip(grid[0], SHOWN_PHASES, strict=True):
        weight = "bold" if phase == FAULT else "normal"
        axes.set_title(PHASE_WORDS[phase], fontsize=10, fontweight=weight, loc="left")
    said = "share of the planned requests that got a right answer within this time"
    figure.supxlabel(said, fontsize=9, y=0.05 / height)
    return figure


def _dress(axes: Axes, run: RunView) -> None:
    axes.set_xscale("log")
    axes.set_xlim(FIRST, 1_800)
    axes.set_xticks([1 / (1 - p) for p in PERCENTILES], [f"{100 * p:g} %" for p in PERCENTILES])
    axes.xaxis.set_minor_locator(NullLocator())
    answer_time_axis(axes, run, beyond=True)
    axes.grid(color=look.GRID, linewidth=0.7)


def _curve(axes: Axes, run: RunView, twin: TwinView, phase: str) -> None:
    answer = twin.answer_ms(run.window(phase))
    last = max((p for p in PERCENTILES if answer.size >= NEEDED.get(p, 1)), default=None)
    if last is None:
        return
    x = np.geomspace(FIRST, 1 / (1 - last), POINTS)
    ranks = np.ceil((1 - 1 / x) * answer.size).astype(int) - 1
    shape = look.STYLES[twin.place]
    axes.plot(
        x, drawn_ms(run, answer[np.clip(ranks, 0, answer.size - 1)]), color=shape.colour, linewidth=1.6,
        linestyle=shape.line, marker=shape.marker, markevery=(POINTS // 8, POINTS // 4), markersize=4,
        markerfacecolor=shape.face, label=twin.name,
    )  # fmt: skip


def _legend(axes: Axes, run: RunView) -> None:
    axes.legend(frameon=False, fontsize=9, loc="lower right", labelcolor="markeredgecolor")
    name_limit(axes, run)
