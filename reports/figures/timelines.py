"""Twin timelines: the same seconds, the same scales, one column per twin."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.model import FAULT, Ending
from reports import look, words
from reports.figures.scales import answer_time_axis, drawn_ms, name_limit
from reports.figures.shading import mark_phases, name_phases, shade_faults
from reports.view import LOADED_PHASES, Floats, RunView, Seconds, TwinView, seconds

LABELS = ("good\nper second", "good\n÷ planned", "answer\ntime", "no right\nanswer")
MARKERS_MAX = 70  # above that, one marker per second becomes a smear


def claim(run: RunView) -> str:
    """The good share of each twin. Refusals are not good, but if there are any their share is added."""
    limit = words.limit(run.good_within_ms)
    refused = any(twin.share(Ending.REFUSED, run.window(FAULT)) > 0 for twin in run.twins)
    beside = f" Certainly refused: {_shares(run, Ending.REFUSED)}." if refused else ""
    good = _shares(run, Ending.GOOD)
    return f"Good (a right answer within {limit}) during the fault: {good} of all planned requests.{beside}"


def _shares(run: RunView, kind: int) -> str:
    shares = (f"{twin.name} {words.percent(twin.share(kind, run.window(FAULT)))}" for twin in run.twins)
    return words.series(shares)


def draw(run: RunView) -> Figure:
    figure = look.new_figure(7.4)
    grid = figure.subplots(
        len(LABELS), len(run.twins), sharex=True, sharey="row", squeeze=False,
        gridspec_kw={"height_ratios": (1.15, 0.9, 1.5, 0.55)},
    )  # fmt: skip
    figure.subplots_adjust(left=0.095, right=0.985, top=0.915, bottom=0.07, hspace=0.14, wspace=0.06)
    for column, twin in zip(grid.T, run.twins, strict=True):
        _column(column, run, twin, seconds(run, twin))
    for axes, label in zip(grid[:, 0], LABELS, strict=True):
        look.name_row(axes, label, len(run.twins))
    grid[0, 0].set_ylim(0, 1.08 * max(axes.dataLim.y1 for axes in grid[0]) or 1)
    figure.supxlabel(run.time_label, fontsize=9, y=0.008)
    return figure


def _column(column: list[Axes], run: RunView, twin: TwinView, each: Seconds) -> None:
    for axes in column:
        shade_faults(axes, twin)
        mark_phases(axes, run)
        axes.grid(axis="y", color=look.GRID, linewidth=0.7)
        axes.set_xlim(*run.span)
    look.twin_title(column[0], twin, f"grey line: {words.grouped(twin.planned)} planned")
    name_phases(column[0], run)
    if not twin.at_s.size:
        look.nothing_here(column[2], f"nothing was recorded for {twin.name}")
    _goodput(column[0], run, twin, each)
    _ratio(column[1], run, twin, each)
    _latency(column[2], run, twin, each)
    _unanswered(column[3], twin, each)


def _goodput(axes: Axes, run: RunView, twin: TwinView, each: Seconds) -> None:
    axes.stairs(each.planned, each.edges, color=look.FAINT, linewidth=1.0, baseline=None)
    _line(axes, run, twin, each.middles, each.good)


def _ratio(axes: Axes, run: RunView, twin: TwinView, each: Seconds) -> None:
    _line(axes, run, twin, each.middles, each.ratio)
    axes.set_ylim(-0.06, 1.09)
    axes.set_yticks([0, 0.5, 1])


def _latency(axes: Axes, run: RunView, twin: TwinView, each: Seconds) -> None:
    """p95 and p50 over all planned requests; what got no right answer lies in the band above the client's timeout."""
    answer_time_axis(axes, run, beyond=True)
    name_limit(axes, run)
    p50, p95 = drawn_ms(run, each.p50_ms), drawn_ms(run, each.p95_ms)
    axes.plot(
        *_broken(run, each.middles, p50), color=look.STYLES[twin.place].colour, linewidth=1.1, alpha=0.65
    )
    _line(axes, run, twin, each.middles, p95)
    _label_quantiles(axes, twin, each.middles, p50, p95)


def _label_quantiles(axes: Axes, twin: TwinView, at_s: Floats, p50: Floats, p95: Floats) -> None:
    """Labels at the left end of the lines, in the baseline, clear of everything that follows."""
    for name, values, offset in (("p95", p95, 5), ("p50", p50, -11)):
        known = np.flatnonzero(np.isfinite(values))
        if known.size:
            at = known[min(1, known.size - 1)]
            axes.annotate(
                name, (at_s[at], values[at]), xytext=(0, offset), textcoords="offset points",
                fontsize=8.5, color=look.STYLES[twin.place].colour, path_effects=look.HALO, zorder=4,
            )  # fmt: skip


def _unanswered(axes: Axes, twin: TwinView, each: Seconds) -> None:
    share = np.nan_to_num(each.unanswered)
    axes.stairs(share, each.edges, fill=True, color=look.STYLES[twin.place].colour, alpha=0.45, linewidth=0)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 1])


def _line(axes: Axes, run: RunView, twin: TwinView, at_s: Floats, values: Floats) -> None:
    shape = look.STYLES[twin.place]
    axes.plot(
        *_broken(run, at_s, values), color=shape.colour, linestyle=shape.line, linewidth=1.5, markersize=3.4,
        marker=shape.marker if at_s.size <= MARKERS_MAX else "", markerfacecolor=shape.face, markeredgewidth=0.9,
        clip_on=False, zorder=3,
    )  # fmt: skip


def _broken(run: RunView, at_s: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The line with a gap at each edge of a phase: nothing was measured between the last second and the first."""
    edges = [run.window(phase)[0] for phase in LOADED_PHASES[1:]]
    places = np.searchsorted(at_s, edges)
    return np.insert(at_s, places, edges), np.insert(values, places, np.nan)
