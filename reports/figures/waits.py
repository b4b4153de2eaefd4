"""Waits: one dot per request, at the time its client waited for the outcome, coloured by the outcome.

The only figure that tells a quick refusal from a hanging request: everywhere else both are "no right answer".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lab.model import FAULT, Ending
from reports import look, words
from reports.figures.outcomes import PARTS
from reports.figures.scales import FIRST_MS, answer_time_axis, name_limit
from reports.figures.shading import mark_phases, name_phases, shade_faults
from reports.view import Floats, RunView, TwinView

ABOVE = 1.5  # times the client's timeout: the axis ends this far above the dots of those who gave up
MARKERS = {
    "good": "o",
    "late": "^",
    "conflict": "v",
    "refused": "s",
    "failed": "+",
    "unknown": "x",
    "wrong": "D",
}  # for readers who see no colours
COLUMNS, ROWS = 1_200, 400  # of the grid on which dots that cover each other count as one
SHOWN = tuple(part for part in PARTS if Ending.UNRECORDED not in part[1])


def claim(run: RunView) -> str:
    """How long the most patient client waited during the fault, for an answer of any kind."""
    told = "; ".join(f"{twin.name} {_longest(run, twin)}" for twin in run.twins)
    return f"Longest wait during the fault: {told}."


def _longest(run: RunView, twin: TwinView) -> str:
    start, end = run.window(FAULT)
    chosen = (twin.at_s >= start) & (twin.at_s < end) & (twin.kind != Ending.UNRECORDED)
    if not chosen.any():
        return words.NONE
    longest_ms = float(twin.latency_ms[chosen].max())
    if longest_ms >= run.client_timeout_ms:
        return f"{words.limit(run.client_timeout_ms)}, without an answer"
    return words.milliseconds(longest_ms)


def draw(run: RunView) -> Figure:
    figure = look.new_figure(3.9)
    row = figure.subplots(1, len(run.twins), sharex=True, sharey=True, squeeze=False)[0]
    figure.subplots_adjust(left=0.095, right=0.985, top=0.84, bottom=0.2, wspace=0.06)
    for axes, twin in zip(row, run.twins, strict=True):
        _panel(axes, run, twin)
    row[0].set_ylabel("time until the client knew")
    figure.supxlabel(run.time_label, fontsize=9, y=0.085)
    _legend(figure, run)
    return figure


def _panel(axes: Axes, run: RunView, twin: TwinView) -> None:
    shade_faults(axes, twin)
    mark_phases(axes, run)
    answer_time_axis(axes, run, beyond=False)
    name_limit(axes, run)
    axes.grid(axis="y", color=look.GRID, linewidth=0.7)
    axes.set_xlim(*run.span)
    axes.set_ylim(FIRST_MS, ABOVE * run.client_timeout_ms)
    axes.axhline(run.client_timeout_ms, color=look.FAINT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for name, kinds, colour, _hatch in SHOWN:
        at_s, waited_ms = dots(run, twin, kinds)
        axes.plot(
            at_s, waited_ms, linestyle="", marker=MARKERS[name], color=colour, markersize=3.2, zorder=3,
            rasterized=at_s.size > look.POINTS_MAX, **_edge(name, colour),
        )  # fmt: skip
    look.twin_title(axes, twin)
    name_phases(axes, run)
    if not twin.at_s.size:
        look.nothing_here(axes, f"nothing was recorded for {twin.name}")


def dots(run: RunView, twin: TwinView, kinds: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Where to draw: one dot for all requests of `kinds` in the same place of the grid."""
    chosen = np.isin(twin.kind, kinds)
    at_s = twin.at_s[chosen]
    waited_ms = np.clip(twin.latency_ms[chosen], FIRST_MS, run.client_timeout_ms)
    start, end = run.span
    column = (at_s - start) / (end - start) * COLUMNS
    row = np.log(waited_ms / FIRST_MS) / np.log(run.client_timeout_ms / FIRST_MS) * ROWS
    _, first = np.unique(column.astype(np.int64) * (ROWS + 1) + row.astype(np.int64), return_index=True)
    return at_s[first], waited_ms[first]


def _edge(name: str, colour: str) -> dict[str, Any]:
    """A hairline around filled markers, so that yellow shows on white."""
    filled = MARKERS[name] not in "x+"
    return {
        "markeredgecolor": look.INK if filled else colour,
        "markeredgewidth": 0.25 if filled else 1.0,
    }


def _legend(figure: Figure, run: RunView) -> None:
    """Only for what is in the figure."""
    seen = {int(kind) for twin in run.twins for kind in np.unique(twin.kind)}
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=MARKERS[name],
            color=colour,
            markersize=5,
            label=name,
            **_edge(name, colour),
        )
        for name, kinds, colour, _hatch in SHOWN
        if seen & set(kinds)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles) or 1, frameon=False, fontsize=9)
