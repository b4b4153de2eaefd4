"""The page and the summary: what they say and in which order. The layout is in templates/."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from lab.model import BASELINE, FAULT, CheckResult, Gate, RunVerdict, TwinVerdict, Verdict
from lab.record import Isolation, Manifest, Status
from reports import canary, words
from reports.gallery import PROBES, Picture
from reports.numbers import numbers_table
from reports.provenance import command, engine, provenance
from reports.reading import Reading

TEMPLATES = Path(__file__).parent / "templates"
CLASSES = {Verdict.HELD: "w-good", Verdict.BROKEN: "w-bad", Verdict.INCONCLUSIVE: "w-unsure"}
MARKS = {Verdict.HELD: "✓", Verdict.BROKEN: "✕", Verdict.INCONCLUSIVE: "?"}
STORY = {
    "hypothesis": "Hypothesis",
    "lesson": "What makes the difference",
    "mirrors": "Known incident",
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that the templates may show."""

    context: Mapping[str, Any]

    @classmethod
    def of(cls, verdict: RunVerdict, reading: Reading, pictures: Sequence[Picture]) -> Page:
        manifest, scenario = reading.manifest, reading.manifest.scenario
        gates = [_gate(gate) for gate in verdict.gates]
        context = {
            "verdict": verdict,
            "title": scenario.title or scenario.name,
            "story": [(name, told) for key, name in STORY.items() if (told := getattr(scenario, key))],
            "faults": [fault.describe() for fault in scenario.faults],
            "places": {twin.name: place for place, twin in enumerate(manifest.twins)},
            "warnings": list(_warnings(reading, verdict)),
            "gates": gates,
            "failed": [gate for gate in gates if not gate["passed"]],
            "checks": list(_checks(verdict)),
            "tallies": [twin.numbers.phases[FAULT].tally for twin in verdict.twins if twin.numbers.phases],
            "invariants": list(_invariants(verdict)),
            "question": scenario.question,
            "answered": words.answered(scenario.question, manifest.predicted, manifest.settings),
            "measured": list(_measured(verdict)),
            "numbers": numbers_table(verdict, manifest.isolation is not Isolation.SHARED),
            "pictures": [picture for picture in pictures if picture.name != PROBES.name],
            "canary": list(canary.told(reading.view)) if reading.view else [],
            "probe": next(picture for picture in pictures if picture.name == PROBES.name),
            "caption": _caption(manifest),
            "provenance": provenance(manifest),
            "command": command(manifest),
            "expectation": words.expectation,
            "classes": CLASSES,
            "marks": MARKS,
        }
        return cls(context=context)

    def html(self) -> str:
        return _environment().get_template("report.html.j2").render(self.context)

    def markdown(self) -> str:
        text = _environment().get_template("summary.md.j2").render(self.context)
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=False,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = _markdown
    return environment


def _markdown(value: object) -> str:
    """Escaped so that Markdown shows the text as it is: one line, no tag, table cell or emphasis."""
    line = " ".join(str(value).split())
    return (
        re.sub(r"([\\`*_|\[\]])", r"\\\1", line)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    )


def _gate(gate: Gate) -> dict[str, Any]:
    return {
        "name": gate.name,
        "twin": gate.twin,
        "passed": gate.passed,
        "value": words.quantity(gate.value, gate.unit),
        "limit": words.quantity(gate.limit, gate.unit),
        "sentence": gate.sentence,
    }


def _checks(verdict: RunVerdict) -> Iterator[dict[str, Any]]:
    """One row per check, one cell per twin. Checks of the same name are matched by their order."""
    columns = [dict(_numbered(twin.checks)) for twin in verdict.twins]
    for key in dict.fromkeys(key for column in columns for key in column):
        found = next(column[key] for column in columns if key in column)
        cells = [_cell(column[key]) if key in column else None for column in columns]
        yield {"name": _name(found), "cells": cells}


def _measured(verdict: RunVerdict) -> Iterator[tuple[str, str]]:
    """What each twin did in the check that the scenario is about, and its medians, to compare with the arithmetic."""
    for twin in verdict.twins:
        if twin.about:
            yield twin.twin, twin.about.sentence + _medians(twin)


def _medians(twin: TwinVerdict) -> str:
    """How long a right answer took before the fault and during it; "" if either is not known."""
    found = (twin.numbers.phases.get(phase) for phase in (BASELINE, FAULT))
    before_ms, during_ms = (None if phase is None else phase.p50_ms for phase in found)
    if before_ms is None or during_ms is None or not math.isfinite(before_ms + during_ms):
        return ""
    before, during = map(words.milliseconds, (before_ms, during_ms))
    return f" Median answer time of all requests: {before} in the baseline, {during} in the fault phase."


def _numbered(checks: Sequence[CheckResult]) -> Iterator[tuple[tuple[str, int], CheckResult]]:
    for place, check in enumerate(checks):
        yield (check.check, sum(other.check == check.check for other in checks[:place])), check


def _cell(check: CheckResult) -> dict[str, Any]:
    return {
        "verdict": check.verdict,
        "value": words.found(check),
        "limit": words.limit_of(check),
        "looked": "" if check.looked is None else words.grouped(check.looked),
        "sentence": check.sentence,
    }


def _name(check: CheckResult) -> str:
    return f"{check.invariant}: {check.check}" if check.invariant else check.check


def _invariants(verdict: RunVerdict) -> Iterator[dict[str, Any]]:
    for twin in verdict.twins:
        for check in twin.checks:
            if check.invariant:
                yield {"name": _name(check), "twin": twin.twin, "examples": check.examples, **_cell(check)}


def _warnings(reading: Reading, verdict: RunVerdict) -> Iterator[str]:
    manifest = reading.manifest
    if text := words.another_version(verdict):
        yield text
    if manifest.status is not Status.COMPLETE:
        yield f"This run did not complete (status: {manifest.status}). What is missing below was never recorded."
    if reading.problem:
        yield f"The records could not be read in full: {reading.problem}"
    if manifest.isolation is Isolation.SHARED and len(manifest.twins) > 1:
        yield (
            "This machine has fewer cores than the run has twins, so the twins shared cores and delayed each other. "
            "Latencies of different twins are therefore not compared; read each on its own."
        )
    if reading.view and (text := canary.crossed(reading.view)):
        yield text
    if "embedded" in engine(manifest):
        yield "The faults were injected by the lab's own embedded proxy instead of Toxiproxy."


def _caption(manifest: Manifest) -> str:
    """The caption of every figure: how much evidence it rests on."""
    count = len(manifest.twins)
    whose = ("One twin", "One pair of twins", "One run of three twins")[count - 1]
    each = "" if count == 1 else " for each"
    return f"{whose}, {words.grouped(manifest.planned)} requests planned{each}, seed {manifest.seed}."
