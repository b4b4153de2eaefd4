"""Latency heat maps: every request of all twins on one colour scale, so that no average can hide a second mode."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lab.judge.statistics import quantile
from lab.model import FAULT, Ending
from reports import look, words
from reports.figures.scales import FIRST_MS, answer_time_axis, name_limit
from reports.figures.shading import mark_phases, name_phases, shade_faults
from reports.view import RunView, TwinView, bin_edges

COLUMNS_MAX = 130
LATENCY_BINS = 44
STRIPS = (Ending.WRONG, Ending.CONFLICT, Ending.REFUSED, Ending.FAILED, Ending.UNKNOWN)  # from the bottom up
WIDTHS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


def claim(run: RunView) -> str:
    """The 95th percentile if every twin has one, else the median; if one has none either, the share of right answers.

    A twin that refuses quickly may have no median; that must not make it look slower than one that hangs.
    """
    fault = [(twin, twin.answer_ms(run.window(FAULT))) for twin in run.twins]
    for name, q in (("95th percentile", 0.95), ("Median", 0.5)):
        times = [(twin, quantile(answer_ms, q)) for twin, answer_ms in fault]
        if all(np.isfinite(ms) for _, ms in times):
            told = words.series(f"{twin.name} {words.milliseconds(ms)}" for twin, ms in times)
            return f"{name} of the answer time during the fault, over all planned requests: {told}."
    shares = (f"{twin.name} {words.percent(float(np.isfinite(ms).mean()))}" for twin, ms in fault if ms.size)
    return f"Requests that got a right answer during the fault, late or not: {words.series(shares)}."


def draw(run: RunView) -> Figure:
    figure = look.new_figure(4.9)
    grid = figure.subplots(
        2, len(run.twins), sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": (1, 3.6)}
    )
    figure.subplots_adjust(left=0.095, right=0.915, top=0.865, bottom=0.105, hspace=0.05, wspace=0.06)
    edges = bin_edges(run, _width_s(run))
    levels = np.geomspace(FIRST_MS, run.client_timeout_ms, LATENCY_BINS + 1)
    counts = [(_strips(twin, edges), _cells(twin, edges, levels)) for twin in run.twins]
    norm = LogNorm(1, max(2, *(int(part.max(initial=0)) for pair in counts for part in pair)))
    for (upper, lower), twin, (strips, cells) in zip(grid.T, run.twins, counts, strict=True):
        for axes in (upper, lower):
            shade_faults(axes, twin)
            mark_phases(axes, run)
        _mesh(upper, edges, np.arange(len(STRIPS) + 1), strips, norm)
        mesh = _mesh(lower, edges, levels, cells, norm)
        look.twin_title(upper, twin)
        name_phases(upper, run)
        answer_time_axis(lower, run, beyond=False)
        name_limit(lower, run)
    _dress(figure, grid, run, mesh, int(norm.vmax or 1))
    return figure


def _width_s(run: RunView) -> float:
    span = run.span[1] - run.span[0]
    return next((width for width in WIDTHS_S if span / width <= COLUMNS_MAX), span / COLUMNS_MAX)


def _cells(twin: TwinView, edges: Any, levels: Any) -> NDArray[Any]:
    answered = twin.kind <= Ending.LATE
    latency = np.clip(twin.latency_ms[answered], levels[0], levels[-1])
    return np.histogram2d(twin.at_s[answered], latency, bins=(edges, levels))[0].T


def _strips(twin: TwinView, edges: Any) -> NDArray[Any]:
    return np.array([np.histogram(twin.at_s[twin.kind == kind], edges)[0] for kind in STRIPS])


def _mesh(axes: Axes, x: Any, y: Any, counts: NDArray[Any], norm: LogNorm) -> QuadMesh:
    """One heat map; an empty cell stays empty, so that the shaded fault shows through."""
    shown = np.ma.masked_equal(counts, 0)
    return axes.pcolormesh(x, y, shown, norm=norm, cmap=colormaps["cividis"], rasterized=True, zorder=2)


def _dress(figure: Figure, grid: Any, run: RunView, mesh: QuadMesh, most: int) -> None:
    upper, lower = grid[:, 0]
    upper.set_yticks(np.arange(len(STRIPS)) + 0.5, [kind.word for kind in STRIPS])
    for axes in grid[0]:
        axes.tick_params(length=0)
        axes.hlines(np.arange(1, len(STRIPS)), *run.span, color="white", linewidth=1.2, zorder=3)
    lower.set_ylabel("answer time (right answers)")
    lower.set_xlim(*run.span)
    figure.supxlabel(run.time_label, fontsize=9, y=0.01)
    scale = figure.colorbar(mesh, cax=figure.add_axes((0.93, 0.105, 0.014, 0.76)))
    scale.set_label(f"requests per cell ({_width_s(run):g} s wide)", fontsize=8.5)
    ticks = [step * 10**power for power in range(7) for step in (1, 2, 5) if step * 10**power <= most]
    scale.set_ticks(ticks, labels=[words.grouped(tick) for tick in ticks], minor=False)
    scale.minorticks_off()
