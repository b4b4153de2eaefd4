"""What the probes saw of each target: the evidence that the fault came and went."""

from __future__ import annotations

from matplotlib.figure import Figure

from lab.model import DRAIN, LinkSample, PartSample, SessionsSample
from reports import look
from reports.figures.probed import Row, samples_of, targets
from reports.figures.probed_links import link_claim, link_rows
from reports.figures.probed_parts import part_claim, part_rows
from reports.figures.probed_sessions import sessions_claim, sessions_rows
from reports.figures.shading import mark_phases, name_phases, shade_faults
from reports.view import RunView

ABOVE_IN, BELOW_IN, GAP_IN = 0.5, 0.5, 0.16
NOTHING = "No probe was recorded."
BY_SAMPLE = {
    LinkSample: (link_claim, link_rows),
    PartSample: (part_claim, part_rows),
    SessionsSample: (sessions_claim, sessions_rows),
}


def claim(run: RunView) -> str:
    """What was seen of the first broken target, without and with the fault."""
    seen = targets(run)
    if not seen:
        return NOTHING
    broken = [target for fault in run.faults for target in seen if _shows(target, str(fault.target()))]
    target = (broken or seen)[0]
    return _how(run, target)[0](run, target)


def draw(run: RunView) -> Figure:
    rows = [row for target in targets(run) for row in _how(run, target)[1](run, target)] or [_empty()]
    height = ABOVE_IN + BELOW_IN + sum(row.height_in for row in rows) + GAP_IN * (len(rows) - 1)
    figure = look.new_figure(height)
    grid = figure.subplots(
        len(rows), len(run.twins), sharex=True, sharey="row", squeeze=False,
        gridspec_kw={"height_ratios": [row.height_in for row in rows]},
    )  # fmt: skip
    mean_in = sum(row.height_in for row in rows) / len(rows)
    figure.subplots_adjust(
        left=0.095, right=0.985, top=1 - ABOVE_IN / height, bottom=BELOW_IN / height, hspace=GAP_IN / mean_in,
        wspace=0.06,
    )  # fmt: skip
    for panels, row in zip(grid, rows, strict=True):
        for axes, twin in zip(panels, run.twins, strict=True):
            shade_faults(axes, twin)
            mark_phases(axes, run)
            axes.set_xlim(run.span[0], run.window(DRAIN)[1])
            row.draw(axes, twin)
        look.name_row(panels[0], row.label, len(run.twins))
    for axes, twin in zip(grid[0], run.twins, strict=True):
        look.twin_title(axes, twin)
        name_phases(axes, run)
        if not twin.probes:
            look.nothing_here(axes, "no probe was recorded")
    said = "start of the probe, " + run.time_label.partition(", ")[2]
    figure.supxlabel(said, fontsize=9, y=0.03 / height)
    return figure


def _shows(target: str, broken: str) -> bool:
    """Whether samples of `target` show the broken target: a replica is a member of its part."""
    return broken == target or broken.startswith(f"{target}/")


def _how(run: RunView, target: str):
    """The claim and the rows that fit the samples of `target`."""
    return BY_SAMPLE[type(next(iter(samples_of(run, target))))]


def _empty() -> Row:
    return Row(label="", height_in=1.5, draw=lambda axes, _twin: axes.set_yticks([]))
