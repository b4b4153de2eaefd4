"""Everything in verdict.json that the second reader finds otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.independent import numbers
from tests.independent.expectations import is_wrong
from tests.independent.folder import WRONG, Row, Run, Twin, read
from tests.independent.invariants import INVARIANTS
from tests.independent.slos import SLOS

CHECKS = {**SLOS, **INVARIANTS}
LOADED = ("warmup", "baseline", "fault", "recovery")
LAST_DIGIT = 1.5e-6  # verdict.json keeps six digits
ORDER = ("held", "inconclusive", "broken")


def differences(folder: Path) -> list[str]:
    """One line for each; none if the verdict is what the evidence says."""
    run = read(folder)
    found = []
    for twin, told in zip(run.twins, run.verdict["twins"], strict=True):
        found += [f"{twin.name}: {line}" for line in _of_twin(run, twin, told)]
    return found


def _of_twin(run: Run, twin: Twin, told: Row) -> Iterator[str]:
    yield from _outcomes(twin)
    for phase in LOADED:
        yield from _members(
            f"{phase} phase", told["numbers"]["phases"][phase], numbers.of_phase(run, twin, phase)
        )
    yield from _members("run", told["numbers"], numbers.of_run(run, twin))
    if run.verdict["valid"]:
        yield from _checks(run, twin, told)


def _outcomes(twin: Twin) -> Iterator[str]:
    """What each client may believe, and whether it was told the right thing.

    Only the history says what an answer was; any other may have said that it had no effect, or not.
    """
    answered = {answer["i"]: answer for answer in twin.history}
    for request in twin.requests:
        there = answered.get(request.i)
        bodies = [there["answered"]] if there else [None, {"effect": "none"}]
        may_be = {numbers.outcome(request, body) for body in bodies}
        if request.outcome not in may_be:
            yield f"request {request.i}: outcome {request.outcome}, reader {sorted(may_be)}"
        if there and (there["outcome"], there["status"]) != (request.outcome, request.status):
            yield f"request {request.i}: its record and its history differ"
        flagged = bool(request.flags & WRONG)
        may_be_wrong = {is_wrong(request, body) for body in bodies}
        if flagged not in (may_be_wrong if there else {False, *may_be_wrong}):
            yield f"request {request.i}: wrong {flagged}, reader {not flagged}"


def _checks(run: Run, twin: Twin, told: Row) -> Iterator[str]:
    results = []
    for check, result in zip(run.scenario["checks"], told["checks"], strict=True):
        verdict, value = CHECKS[check["type"]](run, twin, check)
        results.append(verdict)
        if verdict != result["verdict"]:
            yield f"{result['check']}: verdict {result['verdict']}, reader {verdict}"
        elif not _same(value, result["value"]):
            yield f"{result['check']}: value {result['value']}, reader {value}"
    worst = max(results, key=ORDER.index)
    if worst != told["verdict"]:
        yield f"verdict {told['verdict']}, reader {worst}"


def _members(where: str, told: Row, found: Row) -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _members(f"{where}: {name}", told[name], value)
        elif not _same(value, told[name]):
            yield f"{where}: {name} {told[name]}, reader {value}"


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(float(one), float(other), rel_tol=1e-12, abs_tol=LAST_DIGIT)
