"""What the probes felt against what was commanded: the evidence that the fault was there, and gone again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.model import ProbeSample
from reports import look, words
from reports.figures.shading import mark_phases, name_phases, shade_faults
from reports.view import RunView, TwinView

ROW_IN = 2.3
ERRORS = ("timeout", "refused", "reset", "closed", "malformed")
HEADROOM = 1.25


def claim(run: RunView) -> str:
    """What the probe felt on the first faulted link, with the fault off and with it on."""
    told = [f"{twin.name} {_felt(twin, links(run)[0])}" for twin in run.twins if links(run) and twin.probes]
    if not told:
        return "No probe was recorded."
    return f"Probe on the {links(run)[0]} link, without → with the fault: {' and '.join(told)}."


def _felt(twin: TwinView, link: str) -> str:
    samples = [sample for sample in twin.probes if sample.link == link]
    off = [sample for sample in samples if not _during(twin, sample)]
    on = [sample for sample in samples if _during(twin, sample)]
    return _usual(off) + (f" → {_usual(on)}" if on else "")


def _during(twin: TwinView, sample: ProbeSample) -> bool:
    return any(start <= sample.start_s < end for start, end in twin.windows)


def _usual(samples: Sequence[ProbeSample]) -> str:
    """The median answer time, or how most of them failed."""
    errors = [sample.error for sample in samples if sample.error]
    if len(errors) * 2 > len(samples):
        usual = max(set(errors), key=lambda error: (errors.count(error), error))
        return f"{usual} ({errors.count(usual)} of {len(samples)})"
    times = [sample.last_byte_ms for sample in samples if sample.last_byte_ms is not None]
    return words.milliseconds(float(np.median(times))) if times else words.NONE


def links(run: RunView) -> tuple[str, ...]:
    """The probed links, in the order in which they were first probed."""
    return tuple(dict.fromkeys(sample.link for twin in run.twins for sample in twin.probes))


def draw(run: RunView) -> Figure:
    rows = links(run)
    figure = look.new_figure(0.95 + ROW_IN * max(len(rows), 1))
    height = figure.get_figheight()
    grid = figure.subplots(max(len(rows), 1), len(run.twins), sharex=True, sharey="row", squeeze=False)
    figure.subplots_adjust(
        left=0.085, right=0.985, top=1 - 0.5 / height, bottom=0.5 / height, hspace=0.16, wspace=0.06
    )
    for row, link in zip(grid, rows, strict=False):
        top = _top_ms(run, link)
        for axes, twin in zip(row, run.twins, strict=True):
            _panel(axes, run, twin, link, top)
        row[0].set_ylabel(f"{link} link: answer, ms")
    for axes, twin in zip(grid[0], run.twins, strict=True):
        look.twin_title(axes, twin.name)
        name_phases(axes, run)
        if not twin.probes:
            look.nothing_here(axes, "no probe was recorded")
    figure.supxlabel(
        "start of the probe" + run.time_label.removeprefix("planned instant"), fontsize=9, y=0.012
    )
    return figure


def _top_ms(run: RunView, link: str) -> float:
    """The upper end of the scale, the same for both twins: above all that was felt and all that was asked."""
    felt = [
        s.last_byte_ms
        for twin in run.twins
        for s in twin.probes
        if s.link == link and s.last_byte_ms is not None
    ]
    asked = [
        asked.delay_ms for twin in run.twins for asked in twin.asked if asked.link == link and asked.delay_ms
    ]
    return HEADROOM * max(1.0, *felt, *asked, 0.0)


def _panel(axes: Axes, run: RunView, twin: TwinView, link: str, top: float) -> None:
    shade_faults(axes, twin)
    mark_phases(axes, run)
    axes.grid(axis="y", color=look.GRID, linewidth=0.7)
    axes.set_xlim(run.span[0], run.window("drain")[1])
    axes.set_ylim(0, top * 1.22)
    samples = [sample for sample in twin.probes if sample.link == link]
    _commanded(axes, twin, link, samples)
    answered = [(s.start_s, s.last_byte_ms) for s in samples if not s.error and s.last_byte_ms is not None]
    shape = look.style(twin.name)
    axes.plot(
        [at_s for at_s, _ in answered], [ms for _, ms in answered], linestyle="", marker=shape.marker, markersize=2,
        color=shape.colour, markerfacecolor=shape.face, markeredgewidth=0.7, zorder=3,
        rasterized=len(answered) > look.POINTS_MAX,
    )  # fmt: skip
    _errors(axes, samples, top)


def _commanded(axes: Axes, twin: TwinView, link: str, samples: Sequence[ProbeSample]) -> None:
    """The line on which the answers should lie: as before the fault, plus the delay that was asked for."""
    before = [s.last_byte_ms for s in samples if s.last_byte_ms is not None and s.start_s < 0]
    usual = float(np.median(before)) if before else 0.0
    delays = [asked for asked in twin.asked if asked.link == link]
    for asked in delays:
        axes.hlines(usual + asked.delay_ms, *asked.window, color=look.INK, linewidth=1.2, zorder=4)
    for asked in delays[:1]:
        axes.annotate(
            f"asked: {asked.words}", (asked.window[0], usual + asked.delay_ms), xytext=(4, -12),
            textcoords="offset points", fontsize=8, zorder=4, path_effects=look.HALO,
        )  # fmt: skip


def _errors(axes: Axes, samples: Sequence[ProbeSample], top: float) -> None:
    """Probes without an answer, as crosses above the scale, one line for each way to fail."""
    kinds = [error for error in ERRORS if any(sample.error == error for sample in samples)]
    for number, error in enumerate(kinds):
        at_s = [sample.start_s for sample in samples if sample.error == error]
        y = top * (1.04 + 0.16 * (number + 0.5) / len(kinds))
        axes.plot(
            at_s,
            np.full(len(at_s), y),
            "x",
            color=look.INK,
            markersize=3.2,
            markeredgewidth=0.8,
            zorder=3,
            rasterized=len(at_s) > look.POINTS_MAX,
        )
        axes.annotate(
            f"{error} ({len(at_s)})", (min(at_s), y), xytext=(-5, 0), textcoords="offset points",
            ha="right", va="center", fontsize=8,
        )  # fmt: skip
