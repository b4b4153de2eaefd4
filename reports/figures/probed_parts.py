"""A probed part: which of its members ran, were paused or dead, and how much CPU and memory they used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from lab.model import Life, PartSample
from reports import look, words
from reports.figures.probed import Row, during, name_of, of_kind, samples_of
from reports.view import RunView, TwinView

MEMBER_IN, LEGEND_IN, USAGE_IN = 0.26, 0.3, 1.05
LOOKS = {  # colour and hatch
    Life.RUNNING: ("#cfe8dd", ""),
    Life.PAUSED: ("#F0E442", "////"),
    Life.DEAD: ("#222222", ""),
}
HEADROOM = 1.15
Point = tuple[float, float]


def part_claim(run: RunView, target: str) -> str:
    told = [f"{twin.name} {_worst(twin, of_kind(twin.probes, target, PartSample))}" for twin in run.twins]
    return f"The part {name_of(target)} during the fault, as the lab saw it: {'; '.join(told)}."


def part_rows(run: RunView, target: str) -> Iterator[Row]:
    """Which members were alive; then CPU and memory, if the runtime reports them."""
    members = _members(samples_of(run, target))
    yield Row(
        label=f"{name_of(target)}:\nmembers",
        height_in=MEMBER_IN * len(members) + LEGEND_IN,
        draw=lambda axes, twin: _lives(axes, of_kind(twin.probes, target, PartSample), members),
    )
    for label, points in (("CPU, cores", _cores), ("memory, MB", _megabytes)):
        values = [value for twin in run.twins for own in _by_member(twin, target) for _, value in points(own)]
        if values:
            draw = partial(_usage, target=target, points=points, top=HEADROOM * max(values) or 1.0)
            yield Row(label=label, height_in=USAGE_IN, draw=draw)


def _worst(twin: TwinView, samples: Sequence[PartSample]) -> str:
    """How long a member was down at most, and how often one was restarted."""
    hit = [sample for sample in samples if during(twin, sample)]
    if not hit:
        return words.NONE
    down = {life: max(_seconds(own, life) for own in _split(samples)) for life in (Life.DEAD, Life.PAUSED)}
    told = [f"{life} for {seconds:.1f} s" for life, seconds in down.items() if seconds]
    restarts = max(sample.restarts for sample in samples)
    told += [f"restarted {restarts} time{'' if restarts == 1 else 's'}"] if restarts else []
    return words.series(told) if told else "running throughout"


def _seconds(own: Sequence[PartSample], life: Life) -> float:
    """How long one member was in `life`, from sample to sample."""
    return sum(after.start_s - sample.start_s for sample, after in pairwise(own) if sample.life is life)


def _members(samples: Iterator[object]) -> tuple[str, ...]:
    return tuple(sorted({sample.member for sample in samples if isinstance(sample, PartSample)}))


def _by_member(twin: TwinView, target: str) -> list[list[PartSample]]:
    return _split(of_kind(twin.probes, target, PartSample))


def _split(samples: Sequence[PartSample]) -> list[list[PartSample]]:
    """The samples of each member, in order of time."""
    return [[s for s in samples if s.member == member] for member in _members(iter(samples))]


def _lives(axes: Axes, samples: Sequence[PartSample], members: Sequence[str]) -> None:
    """A bar for each member, coloured by its state until the next sample."""
    for y, member in enumerate(members):
        own = [sample for sample in samples if sample.member == member]
        for life, (colour, hatch) in LOOKS.items():
            spans = [(s.start_s, after.start_s - s.start_s) for s, after in pairwise(own) if s.life is life]
            axes.broken_barh(
                spans,
                (y - 0.36, 0.72),
                facecolors=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
                zorder=2,
            )
    axes.set_ylim(len(members) - 0.4, -0.6 - LEGEND_IN / MEMBER_IN)
    axes.set_yticks(range(len(members)), members)
    axes.tick_params(axis="y", length=0)
    seen = {sample.life for sample in samples}
    shown = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0, label=str(life))
        for life, (colour, hatch) in LOOKS.items()
        if life in seen
    ]
    axes.legend(
        handles=shown, loc="upper left", ncols=len(LOOKS), frameon=False, fontsize=8, borderaxespad=0.1,
        handlelength=1.4,
    )  # fmt: skip


def _usage(
    axes: Axes,
    twin: TwinView,
    *,
    target: str,
    points: Callable[[Sequence[PartSample]], list[Point]],
    top: float,
) -> None:
    """A line for each member."""
    shape = look.STYLES[twin.place]
    axes.grid(axis="y", color=look.GRID, linewidth=0.7)
    for own in _by_member(twin, target):
        line = np.array(points(own)).reshape(-1, 2)
        axes.plot(line[:, 0], line[:, 1], color=shape.colour, linestyle=shape.line, linewidth=1.1, zorder=3)
    axes.set_ylim(0, top)


def _cores(own: Sequence[PartSample]) -> list[Point]:
    """CPU seconds per second, from sample to sample; nothing across a restart, where the counter starts again."""
    return [
        (after.start_s, (after.cpu_s - before.cpu_s) / (after.start_s - before.start_s))
        for before, after in pairwise(own)
        if before.cpu_s is not None
        and after.cpu_s is not None
        and after.cpu_s >= before.cpu_s
        and before.pid == after.pid
        and after.start_s > before.start_s
    ]


def _megabytes(own: Sequence[PartSample]) -> list[Point]:
    return [(sample.start_s, sample.rss_bytes / 1e6) for sample in own if sample.rss_bytes is not None]
