"""Draws every figure, each on its own: one that fails leaves its reason where it would have been.

What draws is imported only when it is needed: a page without figures needs no matplotlib.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from reports.view import RunView


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A figure to draw, by the module of this name in reports.figures. `reading` tells how to read it."""

    name: str
    title: str
    reading: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as the page shows it: `source` for an <img>, or the `problem` that kept it from being drawn."""

    name: str
    title: str
    reading: str
    claim: str
    source: str = ""
    problem: str = ""


WAITS = Plan(
    name="waits",
    title="How long each client waited",
    reading="One dot for each request, at the time after which its client knew how it ended, whatever the end: an "
    "answer, a refusal, an error, or giving up (dashed line). Dotted: the limit X. Dots that would hide each other are "
    "drawn once.",
)
TIMELINES = Plan(
    name="timelines",
    title="Second by second",
    reading="Each second by the instant at which its requests were planned. Grey: a fault was really on. Dotted: "
    "the limit X. p50 and p95 count every planned request; one without an ok answer is later than any other.",
)
HEATMAPS = Plan(
    name="heatmaps",
    title="Every request",
    reading="Each cell counts the requests of one span of time and one range of answer times, on one scale for all "
    "twins. The strips above count those without an ok answer.",
)
PERCENTILES = Plan(
    name="percentiles",
    title="The slowest tenth, hundredth, thousandth",
    reading="Answer time by percentile, over all planned requests. A curve that meets the top has run out of ok "
    "answers. It ends where the phase has too few requests to tell.",
)
OUTCOMES = Plan(
    name="outcomes",
    title="What became of the requests",
    reading="Good: correct and within X. Late: correct, but after X. Refused: surely without effect. Unknown: the "
    "client cannot tell whether it took effect. Wrong: answered as a success, with wrong content.",
)
PROBES = Plan(
    name="probes",
    title="The fault, as the probes saw it",
    reading="The lab looks for itself. On a link each mark is one small exchange on a fresh connection through the "
    "same proxy: the line is where the answers should lie, crosses had no answer. A part is seen as the kernel or the "
    "engine has it, the sessions as the database lists them.",
)
STORY = (WAITS, TIMELINES, HEATMAPS, OUTCOMES, PERCENTILES)  # in the order of the page
ALL = (*STORY, PROBES)


def hang(plans: tuple[Plan, ...], run: RunView, folder: Path) -> tuple[Picture, ...]:
    """Draw `plans` into `folder` as PNG and SVG, and return them for the page."""
    if folder.is_symlink():
        return missing(plans, f"{folder} is a link; the lab writes into real folders only. Remove it.")
    folder.mkdir(exist_ok=True)
    return tuple(_picture(plan, run, folder / plan.name) for plan in plans)


def missing(plans: tuple[Plan, ...], problem: str) -> tuple[Picture, ...]:
    """The same pictures when nothing can be drawn at all."""
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
