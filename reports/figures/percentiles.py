"""Latency by percentile, both twins in one panel per phase: how bad the worst answers are, not how bad the mean is."""

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
NEEDED = {0.99: 368, 0.999: 3_688}  # requests below which no bound on the percentile exists: ln 0.025 / ln p
POINTS = 160
FIRST = 1.6  # 1 / (1 - p): the axis begins a little below the median


def claim(run: RunView) -> str:
    """The cost of hardening when nothing is wrong; of the ok answers alone where a conflict is the usual answer."""
    answers = [(twin.name, twin.answer_ms(run.window(BASELINE))) for twin in run.twins]
    what = "answer time"
    if any(np.isinf(quantile(answer_ms, 0.5)) for _, answer_ms in answers):
        what = "time of the ok answers"
        answers = [(name, answer_ms[np.isfinite(answer_ms)]) for name, answer_ms in answers]
    told = " and ".join(
        f"{name} {words.milliseconds(quantile(answer_ms, 0.5))}" for name, answer_ms in answers
    )
    return f"Median {what} at baseline, when nothing was wrong: {told}."


def draw(run: RunView) -> Figure:
    figure = look.new_figure(3.3)
    panels = figure.subplots(1, len(SHOWN_PHASES), sharex=True, sharey=True)
    figure.subplots_adjust(left=0.095, right=0.985, top=0.9, bottom=0.16, wspace=0.06)
    for axes, phase in zip(panels, SHOWN_PHASES, strict=True):
        axes.set_title(
            PHASE_WORDS[phase], fontsize=10, fontweight="bold" if phase == FAULT else "normal", loc="left"
        )
        _dress(axes, run)
        for twin in run.twins:
            _curve(axes, run, twin, phase)
    _legend(panels[0], run)
    panels[0].set_ylabel("answer time")
    figure.supxlabel("share of the planned requests that were answered within this time", fontsize=9, y=0.015)
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
    shape = look.style(twin.name)
    axes.plot(
        x, drawn_ms(run, answer[np.clip(ranks, 0, answer.size - 1)]), color=shape.colour, linewidth=1.6,
        linestyle=shape.line, marker=shape.marker, markevery=(POINTS // 8, POINTS // 4), markersize=4,
        markerfacecolor=shape.face, label=twin.name,
    )  # fmt: skip


def _legend(axes: Axes, run: RunView) -> None:
    axes.legend(frameon=False, fontsize=9, loc="lower right", labelcolor="markeredgecolor")
    name_limit(axes, run)
