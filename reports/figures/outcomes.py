"""Outcome bars: what became of every planned request, per phase and twin, with the counts beside the bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.model import BASELINE, FAULT, RECOVERY, Ending
from reports import look, words
from reports.figures.shading import PHASE_WORDS
from reports.view import RunView, TwinView

Row = tuple[float, str, TwinView, list[int]]  # y, phase, twin, count of each part
Part = tuple[str, tuple[int, ...], str, str]  # name, kinds, colour, hatch: distinct in black and white too

ROW_IN, ABOVE_IN, BELOW_IN = 0.27, 0.35, 0.5
SHOWN_PHASES = (BASELINE, FAULT, RECOVERY)
PARTS: tuple[Part, ...] = (
    ("good", (Ending.GOOD,), "#009E73", ""),
    ("late", (Ending.LATE,), "#F0E442", ""),
    ("conflict", (Ending.CONFLICT,), "#0072B2", ""),
    ("refused", (Ending.REFUSED,), "#56B4E9", "////"),
    ("failed", (Ending.FAILED,), "#E69F00", "\\\\"),
    ("unknown", (Ending.UNKNOWN,), "#CC79A7", "...."),
    ("wrong", (Ending.WRONG,), "#222222", ""),
    ("unrecorded", (Ending.UNRECORDED,), "#dddddd", "xxxx"),  # shown only if there are any
)
BAR_START, BAR_END, COUNTS_END = 0.175, 0.57, 0.985  # of the figure's width


def claim(run: RunView) -> str:
    told = words.series(f"{twin.name} {words.grouped(_unknown(run, twin))}" for twin in run.twins)
    return f"Requests during the fault whose clients cannot know whether they took effect: {told}."


def _unknown(run: RunView, twin: TwinView) -> int:
    counts = twin.counts(run.window(FAULT))
    return counts[Ending.UNKNOWN]


def draw(run: RunView) -> Figure:
    rows = list(_rows(run))
    plot_in = ROW_IN * (len(rows) + 0.5 * len(SHOWN_PHASES))
    figure = look.new_figure(plot_in + BELOW_IN + ABOVE_IN)
    height = figure.get_figheight()
    axes = figure.add_axes((BAR_START, BELOW_IN / height, BAR_END - BAR_START, plot_in / height))
    for y, _, _, counts in rows:
        _bar(axes, y, counts)
    _label(axes, rows)
    _counts(axes, rows, PARTS if any(counts[-1] for *_, counts in rows) else PARTS[:-1])
    return figure


def _rows(run: RunView) -> Iterator[Row]:
    """From the top down."""
    y = 0.0
    for phase in SHOWN_PHASES:
        for twin in run.twins:
            counts = twin.counts(run.window(phase))
            yield y, phase, twin, [sum(counts[kind] for kind in kinds) for _, kinds, _, _ in PARTS]
            y += 1
        y += 0.5


def _bar(axes: Axes, y: float, counts: list[int]) -> None:
    left = 0.0
    for (_, _, colour, hatch), count in zip(PARTS, counts, strict=True):
        width = count / max(sum(counts), 1)
        axes.barh(y, width, left=left, height=0.82, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
        left += width


def _label(axes: Axes, rows: list[Row]) -> None:
    axes.set_ylim(rows[-1][0] + 0.55, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("of all requests planned in the phase", fontsize=9)
    axes.set_yticks([y for y, *_ in rows], [twin.name for _, _, twin, _ in rows])
    axes.tick_params(axis="y", length=0)
    for label, (_, _, twin, _) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(look.STYLES[twin.place].colour)
    for phase in SHOWN_PHASES:
        middle = [y for y, of, _, _ in rows if of == phase]
        axes.annotate(
            PHASE_WORDS[phase], (0, sum(middle) / len(middle)), xytext=(-122, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="left", va="center", fontweight="bold" if phase == FAULT else "normal",
        )  # fmt: skip


def _counts(axes: Axes, rows: list[Row], parts: Sequence[Part]) -> None:
    """A column of counts for each part, under its name and its colour: the legend and the numbers in one."""
    step = (COUNTS_END - BAR_END) / len(parts) / (BAR_END - BAR_START)
    for number, (name, _, colour, hatch) in enumerate(parts):
        x = 1 + step * (number + 0.92)
        axes.annotate(
            name,
            (x, 1),
            xytext=(0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontsize=8.5,
        )
        axes.barh(
            -0.62, step * 0.7, left=x - step * 0.7, height=0.16, color=colour, hatch=hatch, edgecolor="white",
            linewidth=0, clip_on=False,
        )  # fmt: skip
        for y, _, _, counts in rows:
            count = counts[number]
            axes.annotate(
                words.grouped(count), (x, y), xycoords=("axes fraction", "data"), ha="right", va="center",
                fontsize=9, color=look.INK if count else look.FAINT,
            )  # fmt: skip
