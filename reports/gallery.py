"""Draws every figure by itself: if one fails, the page shows the reason in its place.

The drawing code is imported only when needed: a page without figures needs no matplotlib.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib import import_module
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


WAITS = Plan(
    name="waits",
    title="How long each client waited",
    reading="Each dot is one request. Its height is how long the client waited to learn the outcome: an answer, a "
    "refusal, an error, or giving up (dashed line). Dotted: the limit X. Dots that would cover each other are drawn "
    "once.",
)
TIMELINES = Plan(
    name="timelines",
    title="Second by second",
    reading="Requests are shown in the second in which they were due. Grey: a fault was really on. Dotted: the limit "
    "X. p50 and p95 count every planned request; one without an ok answer counts as later than any other.",
)
HEATMAPS = Plan(
    name="heatmaps",
    title="Every request",
    reading="The colour of a cell is the number of requests in that time span and range of answer times, on one scale "
    "for all twins. The strips above count requests without an ok answer.",
)
PERCENTILES = Plan(
    name="percentiles",
    title="The slowest tenth, hundredth, thousandth",
    reading="Answer time by percentile, over all planned requests. A curve that reaches the top has run out of ok "
    "answers. It ends where the phase has too few requests to go on.",
)
OUTCOMES = Plan(
    name="outcomes",
    title="What became of the requests",
    reading="Good: correct and within X. Late: correct, but after X. Refused: surely had no effect. Unknown: the "
    "client cannot know whether it had one. Wrong: answered as a success, with wrong content.",
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


def hang(plans: tuple[Plan, ...], run: RunView, folder: Path) -> tuple[Picture, ...]:
    """Draw `plans` into `folder` as PNG and SVG, and return them for the page."""
    if folder.is_symlink():
        return missing(plans, f"{folder} is a link, but the lab writes only into real folders. Remove it.")
    folder.mkdir(exist_ok=True)
    return tuple(_picture(plan, run, folder / plan.name) for plan in plans)


def missing(plans: tuple[Plan, ...], problem: str) -> tuple[Picture, ...]:
    """The same pictures if nothing can be drawn at all."""
    return tuple(_unpainted(plan, problem) for plan in plans)


def _picture(plan: Plan, run: RunView, stem: Path) -> Picture:
    try:
        look, figure = import_module("reports.look"), import_module(f"reports.figures.{plan.name}")
        claim = figure.claim(run)
        with look.drawing():
            look.save(figure.draw(run), stem)
        svg = base64.b64encode(stem.with_suffix(".svg").read_bytes()).decode()
    except Exception as exc:  # noqa: BLE001 whatever it is, the verdict stands and the page must be written
        for suffix in (".svg", ".png"):
            stem.with_suffix(suffix).unlink(missing_ok=True)
        return _unpainted(plan, f"{type(exc).__name__}: {exc}")
    source = f"data:image/svg+xml;base64,{svg}"
    return Picture(name=plan.name, title=plan.title, reading=plan.reading, claim=claim, source=source)


def _unpainted(plan: Plan, problem: str) -> Picture:
    return Picture(name=plan.name, title=plan.title, reading=plan.reading, claim="", problem=problem)
