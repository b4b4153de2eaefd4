"""Draws every figure by itself: if one fails, the page shows the reason in its place.

The drawing code is imported only when needed: a page without figures needs no matplotlib.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from reports.view import RunView


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A figure to draw, by the module of this name in reports.figures. `reading` says how to read it."""

    name: str
    title: str
    reading: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as the page shows it: `source` for an <img>, or the `problem` that prevented it."""

    name: str
    title: str
    reading: str
    claim: str
    source: str = ""
    problem: str = ""


DOTTED = "Dotted: X, the time within which an answer counts as good."
WAITS = Plan(
    name="waits",
    title="How long each client waited",
    reading="Each dot is one request. Its height is how long the client waited to learn the outcome: an answer, a "
    "refusal, an error, or giving up (dashed line). Its colour and shape are the outcome, in words that are explained "
    f'under "What became of the requests". {DOTTED} Dots that would cover each other are drawn once.',
)
TIMELINES = Plan(
    name="timelines",
    title="Second by second",
    reading="Requests are shown in the second in which they were due; the grey line counts them all. Shaded: a fault "
    f"was really on. {DOTTED} p50 and p95 count every planned request; one without a right answer counts as later than "
    "any other, and lies in the pink band.",
)
HEATMAPS = Plan(
    name="heatmaps",
    title="Every request",
    reading="The colour of a cell is the number of requests in that time span and range of answer times, on one scale "
    "for all twins. The strips above count requests without a right answer.",
)
PERCENTILES = Plan(
    name="percentiles",
    title="The slowest tenth, hundredth, thousandth",
    reading="Answer time by percentile, over all planned requests. A curve that reaches the pink band has run out of "
    "right answers. It ends where the phase has too few requests to go on.",
)
OUTCOMES = Plan(
    name="outcomes",
    title="What became of the requests",
    reading="Good: a right answer (acknowledged, with the right content) within X. Late: a right answer after X. "
    "Conflict: told that somebody else was first. Refused: certainly had no effect, for any other reason. Failed: a "
    "read that got an error or no answer. Unknown: a write of which the client cannot know whether it had an effect. "
    "Wrong: acknowledged, with wrong content.",
)
PROBES = Plan(
    name="probes",
    title="The fault, as the probes saw it",
    reading="The lab checks for itself that the fault was there. On a link, each mark is one small exchange on a fresh "
    "connection through the same proxy; the line is where the answers should lie, crosses got no answer. The state of "
    "a part comes from the kernel or the container engine, the sessions from the database.",
)
STORY = (WAITS, TIMELINES, HEATMAPS, OUTCOMES, PERCENTILES)  # in the order of the page
ALL = (*STORY, PROBES)


def hang(
    plans: tuple[Plan, ...], run: RunView, folder: Path, kinds: Sequence[str] = ("svg",), workers: int = 1
) -> tuple[Picture, ...]:
    """Draw `plans` into `folder` in these formats, the page's own first, and return them for the page.

    `workers`: how many processes may share the work, forked from this one.
    """
    if folder.is_symlink():
        return missing(plans, f"{folder} is a symlink, but the lab writes only into real folders. Remove it.")
    folder.mkdir(exist_ok=True)
    paint = partial(_picture, run=run, folder=folder, kinds=kinds)
    if (workers := min(workers, len(plans))) < 2:
        return tuple(map(paint, plans))
    load(plans)  # once for all painters
    try:
        with ProcessPoolExecutor(workers, get_context("fork"), _inherit, (paint,)) as painters:
            return tuple(painters.map(_paint, plans))
    except (OSError, BrokenProcessPool):  # a full /dev/shm, where their locks are; or a painter was killed
        return tuple(map(paint, plans))


def load(plans: Sequence[Plan] = ALL) -> None:
    """Import what draws `plans`. A figure whose code cannot be imported will say so itself."""
    for name in ("reports.look", *(f"reports.figures.{plan.name}" for plan in plans)):
        with suppress(Exception):
            import_module(name)


# What a forked painter paints with: the run is large, and forking hands it on as it is.
_painting: list[Callable[[Plan], Picture]] = []


def _inherit(paint: Callable[[Plan], Picture]) -> None:
    _painting[:] = [paint]


def _paint(plan: Plan) -> Picture:
    return _painting[0](plan)


def missing(plans: tuple[Plan, ...], problem: str) -> tuple[Picture, ...]:
    """The same pictures if nothing can be drawn at all."""
    return tuple(_unpainted(plan, problem) for plan in plans)


def _picture(plan: Plan, run: RunView, folder: Path, kinds: Sequence[str]) -> Picture:
    stem = folder / plan.name
    try:
        look, figure = import_module("reports.look"), import_module(f"reports.figures.{plan.name}")
        claim = figure.claim(run)
        with look.drawing():
            look.save(figure.draw(run), stem, kinds)
        svg = base64.b64encode(stem.with_suffix(".svg").read_bytes()).decode()
    except Exception as exc:  # noqa: BLE001 whatever it is, the verdict stands and the page must be written
        for suffix in (".svg", ".png"):
            stem.with_suffix(suffix).unlink(missing_ok=True)
        return _unpainted(plan, f"{type(exc).__name__}: {exc}")
    source = f"data:image/svg+xml;base64,{svg}"
    return Picture(name=plan.name, title=plan.title, reading=plan.reading, claim=claim, source=source)


def _unpainted(plan: Plan, problem: str) -> Picture:
    return Picture(name=plan.name, title=plan.title, reading=plan.reading, claim="", problem=problem)
