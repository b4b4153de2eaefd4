"""The sessions of a database: how many the service has, how many the lab holds, how many wait for a lock."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes

from lab.model import SessionsSample
from reports import look, words
from reports.figures.probed import Row, during, name_of, of_kind
from reports.view import RunView, TwinView

ROW_IN = 1.7
HEADROOM = 1.7  # the names of the lines stand above them
LINES = (  # of a sample: field, name, line, width
    ("service", "of the service", "-", 1.3),
    ("waiting", "of these, waiting for a lock", "--", 1.3),
    ("held", "held by the lab", ":", 1.6),
)


def sessions_claim(run: RunView, target: str) -> str:
    told = [f"{twin.name} {_most(twin, target)}" for twin in run.twins]
    return f"Sessions of the {name_of(target)} during the fault, at most: {'; '.join(told)}."


def sessions_rows(run: RunView, target: str) -> Iterator[Row]:
    counts = [_count(s, field) for twin in run.twins for s in _told(twin, target) for field, *_ in LINES]
    top = HEADROOM * max(counts, default=1) or 1.0
    yield Row(
        label=f"sessions of the\n{name_of(target)}",
        height_in=ROW_IN,
        draw=lambda axes, twin: _panel(axes, twin, target, top),
    )


def _told(twin: TwinView, target: str) -> list[SessionsSample]:
    return [sample for sample in of_kind(twin.probes, target, SessionsSample) if not sample.error]


def _count(sample: SessionsSample, field: str) -> int:
    return int(getattr(sample, field))


def _most(twin: TwinView, target: str) -> str:
    hit = [sample for sample in _told(twin, target) if during(twin, sample)]
    if not hit:
        return words.NONE
    ended = sum(sample.ended for sample in hit)
    told = f"{max(s.held for s in hit)} held, {max(s.waiting for s in hit)} waiting"
    return f"{told}, {ended} ended" if ended else told


def _panel(axes: Axes, twin: TwinView, target: str, top: float) -> None:
    """Steps, since a count holds until the next one; crosses where the database did not answer."""
    told = _told(twin, target)
    axes.grid(axis="y", color=look.GRID, linewidth=0.7)
    for field, name, line, width in LINES:
        axes.step(
            [sample.start_s for sample in told], [_count(sample, field) for sample in told], where="post",
            color=look.INK if field == "held" else look.STYLES[twin.place].colour, linestyle=line, linewidth=width,
            label=name, zorder=3,
        )  # fmt: skip
    silent = [s.start_s for s in of_kind(twin.probes, target, SessionsSample) if s.error]
    axes.plot(silent, [0] * len(silent), "x", color=look.INK, markersize=3.2, zorder=4, clip_on=False)
    axes.set_ylim(0, top)
    axes.legend(loc="upper left", frameon=False, fontsize=8, borderaxespad=0.2)
