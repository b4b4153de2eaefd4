"""What all figures over time share: the shaded fault, the phase edges, the axis."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from lab.model import BASELINE, FAULT, RECOVERY, WARMUP
from reports.look import FAINT, FAULT_BAND
from reports.view import LOADED_PHASES, RunView, TwinView

PHASE_WORDS = {WARMUP: "warm-up", BASELINE: "baseline", FAULT: "fault", RECOVERY: "recovery"}

NAME_SHARE = 0.045  # of the span, per column of the figure: the width of a phase's name


def shade_faults(axes: Axes, twin: TwinView, behind: float = 0) -> None:
    """A grey band for every interval in which a fault was really on."""
    for start, end in twin.windows:
        axes.axvspan(start, end, color=FAULT_BAND, alpha=0.6, linewidth=0, zorder=behind)


def mark_phases(axes: Axes, run: RunView) -> None:
    for phase in LOADED_PHASES[1:]:
        axes.axvline(run.window(phase)[0], color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)


def name_phases(axes: Axes, run: RunView) -> None:
    """The names of the phases above the upper panel; a phase too short for its name gets none."""
    across = blended_transform_factory(axes.transData, axes.transAxes)
    least = NAME_SHARE * len(run.twins) * (run.span[1] - run.span[0])
    for phase in LOADED_PHASES:
        start, end = run.window(phase)
        if end - start > least:
            weight = "bold" if phase == FAULT else "normal"
            axes.text(
                (start + end) / 2, 1.03, PHASE_WORDS[phase], transform=across,
                ha="center", va="bottom", fontsize=8.5, fontweight=weight,
            )  # fmt: skip
