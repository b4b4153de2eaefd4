"""The probed sessions of a database: how many the service has, how many the lab holds, how many wait for a lock."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes

from lab.model import SessionsSample
from reports import look, words
from reports.figures.probed import Row, during, name_of, of_kind
from reports.view import RunView, TwinView

ROW_IN = 1.7
LINES = (  # of a sample: field, name, line, width
    ("service", "of the service", "-", 1.3),
    ("waiting", "of these waiting for a lock", "--", 1.3),
    ("held", "held by the lab", ":", 1.6),
)


def sessions_claim(run: RunView, target: str) -> str:
    told = [f"{twin.name} {_most(twin, target)}" for twin in run.twins]
    return f"Sessions of the {name_of(target)} during the fault, at most: {words.series(told)}."


def sessions_rows(_run: RunView, target: str) -> Iterator[Row]:
    yield Row(
        label=f"sessions of the\n{name_of(target)}",
        height_in=ROW_IN,
        draw=lambda axes, twin: _panel(axes, twin, target),
    )


def _most(twin: TwinView, target: str) -> str:
    hit = [s for s in of_kind(twin.probes, target, SessionsSample) if during(twin, s) and not s.error]
    if not hit:
        return words.NONE
    ended = sum(sample.ended for sample in hit)
    told = f"{max(s.held for s in hit)} held, {max(s.waiting for s in hit)} waiting"
    return f"{told}, {ended} ended" if ended else told


def _panel(axes: Axes, twin: TwinView, target: str) -> None:
    """Steps, since a count is what it is until it is counted again; crosses where the database did not answer."""
    samples = of_kind(twin.probes, target, SessionsSample)
    told = [sample for sample in samples if not sample.error]
    at_s = [sample.start_s for sample in told]
    axes.grid(axis="y", color=look.GRID, linewidth=0.7)
    for field, name, line, width in LINES:
        colour = look.INK if field == "held" else look.STYLES[twin.place].colour
        counts = [getattr(sample, field) for sample in told]
        axes.step(
            at_s, counts, where="post", color=colour, linestyle=line, linewidth=width, label=name, zorder=3
        )
    silent = [sample.start_s for sample in samples if sample.error]
    axes.plot(silent, [0] * len(silent), "x", color=look.INK, markersize=3.2, zorder=4, clip_on=False)
    axes.margins(y=0.3)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", ncols=1, frameon=False, fontsize=8, borderaxespad=0.2)
