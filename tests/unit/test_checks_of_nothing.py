"""A check with nothing to look at is inconclusive, never held: every check that there is."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import pytest

from lab.checks.invariants import INVARIANTS
from lab.checks.slos import SLOS
from lab.judge import verdict
from lab.model import FAULT, Check, Verdict
from tests.fabricated.evidence import FabricatedTwin, requests
from tests.fabricated.history import ended, seeded

# What a check must be told; whatever else it needs by then has to be added here.
TOLD = {
    "phase": FAULT,
    "quantile": 0.95,
    "at_least": 0.99,
    "at_most_s": 5.0,
    "at_most_ms": 250.0,
    "at_most": 3.0,
    "route": "/users/",
}
CHECKS = (*SLOS, *INVARIANTS)
STORES = {"initial": seeded(), "final": ended()}  # as they were, and read


def the(check: type[Check]) -> Check:
    needed = [f.name for f in fields(check) if f.default is MISSING and f.default_factory is MISSING]
    return check(**{name: TOLD[name] for name in needed})


def nothing(**there: Any) -> FabricatedTwin:
    """A twin of which nothing was recorded, read or seen."""
    empty: dict[str, Any] = {"requests": requests(0, 0), "initial": {}, "final": {}}
    return FabricatedTwin(**{**empty, **there})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("there", [{}, STORES], ids=("nothing is left of the run", "nobody came"))
def test_where_there_is_nothing_to_look_at_nobody_held(check: type[Check], there: dict[str, Any]) -> None:
    result = verdict._safely(
        the(check), nothing(**there)
    )  # as the judge asks it: one that crashes has not held either
    assert result.verdict is Verdict.INCONCLUSIVE, result
