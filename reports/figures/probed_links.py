"""A probed link: when answers came, compared with the requested delay, and how probes without an answer ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes

from lab.model import LinkSample
from reports import look, words
from reports.figures.probed import Row, during, name_of, of_kind
from reports.view import RunView, TwinView

ROW_IN = 2.1
ERRORS = ("timeout", "refused", "reset", "closed", "malformed")
HEADROOM = 1.25


def link_claim(run: RunView, target: str) -> str:
    told = [f"{twin.name} {_seen(twin, target)}" for twin in run.twins if twin.probes]
    return f"Probe on the {name_of(target)} link, without → with the fault: {words.series(told)}."


def link_rows(run: RunView, target: str) -> Iterator[Row]:
    top = _top_ms(run, target)
    yield Row(
        label=f"{name_of(target)} link: answer, ms",
        height_in=ROW_IN,
        draw=lambda axes, twin: _panel(axes, twin, target, top),
    )


def _seen(twin: TwinView, target: str) -> str:
    samples = of_kind(twin.probes, target, LinkSample)
    on = [sample for sample in samples if during(twin, sample)]
    off = [sample for sample in samples if not during(twin, sample)]
    return _usual(off) + (f" → {_usual(on)}" if on else "")


def _usual(samples: Sequence[LinkSample]) -> str:
    """The median answer time, or how most of them failed."""
    errors = [sample.error for sample in samples if sample.error]
    if len(errors) * 2 > len(samples):
        usual = max(set(errors), key=lambda error: (errors.count(error), error))
        return f"{usual} ({errors.count(usual)} of {len(samples)})"
    times = [sample.last_byte_ms for sample in samples if sample.last_byte_ms is not None]
    return words.milliseconds(float(np.median(times))) if times else words.NONE


def _top_ms(run: RunView, target: str) -> float:
    """The upper end of the scale, the same for all twins: above everything measured and everything requested."""
    seen = [
        sample.last_byte_ms
        for twin in run.twins
        for sample in of_kind(twin.probes, target, LinkSample)
        if sample.last_byte_ms is not None
    ]
    asked = [asked.delay_ms for twin in run.twins for asked in twin.asked if asked.target == target]
    return HEADROOM * max(1.0, *seen, *asked, 0.0)


def _panel(axes: Axes, twin: TwinView, target: str, top: float) -> None:
    axes.grid(axis="y", color=look.GRID, linewidth=0.7)
    axes.set_ylim(0, top * 1.22)
    samples = of_kind(twin.probes, target, LinkSample)
    _commanded(axes, twin, target, samples)
    answered = [(s.start_s, s.last_byte_ms) for s in samples if not s.error and s.last_byte_ms is not None]
    shape = look.STYLES[twin.place]
    axes.plot(
        [at_s for at_s, _ in answered], [ms for _, ms in answered], linestyle="", marker=shape.marker, markersize=2,
        color=shape.colour, markerfacecolor=shape.face, markeredgewidth=0.7, zorder=3,
        rasterized=len(answered) > look.POINTS_MAX,
    )  # fmt: skip
    _errors(axes, samples, top)


def _commanded(axes: Axes, twin: TwinView, target: str, samples: Sequence[LinkSample]) -> None:
    """The line on which the answers should lie: as before the fault, plus the requested delay."""
    before = [s.last_byte_ms for s in samples if s.last_byte_ms is not None and s.start_s < 0]
    usual = float(np.median(before)) if before else 0.0
    delays = [asked for asked in twin.asked if asked.target == target]
    for asked in delays:
        axes.hlines(usual + asked.delay_ms, *asked.window, color=look.INK, linewidth=1.2, zorder=4)
    for asked in delays[:1]:
        axes.annotate(
            f"expected: {asked.words}", (asked.window[0], usual + asked.delay_ms), xytext=(4, -12),
            textcoords="offset points", fontsize=8, zorder=4, path_effects=look.HALO,
        )  # fmt: skip


def _errors(axes: Axes, samples: Sequence[LinkSample], top: float) -> None:
    """Probes without an answer, as crosses above the scale, one line for each kind of failure."""
    kinds = [error for error in ERRORS if any(sample.error == error for sample in samples)]
    for number, error in enumerate(kinds):
        at_s = [sample.start_s for sample in samples if sample.error == error]
        y = top * (1.04 + 0.16 * (number + 0.5) / len(kinds))
        axes.plot(
            at_s, np.full(len(at_s), y), "x", color=look.INK, markersize=3.2, markeredgewidth=0.8, zorder=3,
            rasterized=len(at_s) > look.POINTS_MAX,
        )  # fmt: skip
        axes.annotate(
            f"{error} ({len(at_s)})", (min(at_s), y), xytext=(-5, 0), textcoords="offset points",
            ha="right", va="center", fontsize=8,
        )  # fmt: skip
