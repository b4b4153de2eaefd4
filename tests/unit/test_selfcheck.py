"""The cases of the self-check fit the sources of today, and each way in which one can end is told apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lab import catalogue
from lab.checks.invariants import INVARIANTS
from lab.checks.slos import SLOS
from lab.model.selfcheck import Case, CaseKind
from lab.selfcheck.acts import ACTS
from lab.selfcheck.forgery import AFTERWARDS, FORGERIES
from lab.selfcheck.reading import cases
from lab.selfcheck.workshop import CALL, mutated_text

ROOT = Path(__file__).parents[2]
NAMES = {check.name for check in (*SLOS, *INVARIANTS)}
MUTATED = [case for case in cases() if case.mutation]
SABOTAGED = [case for case in cases() if case.sabotage]
DEFENCES = {path.stem for path in (ROOT / "services" / "defences").glob("*.py")}


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", MUTATED, ids=by_name)
def test_a_mutation_fits_exactly_one_place_and_marks_that_it_ran(case: Case) -> None:
    assert case.mutation is not None
    text = (ROOT / case.mutation.file).read_text()
    mutated = mutated_text(case.name, text, case.mutation)
    assert mutated != text
    assert CALL in case.mutation.new
    if case.mutation.file.endswith(".py"):
        ast.parse(mutated)
    else:
        assert f"mutant ran: {case.name}" in mutated


@pytest.mark.parametrize("case", cases(), ids=by_name)
def test_a_case_can_be_run_and_told(case: Case) -> None:
    scenario, _ = catalogue.configure(catalogue.find(case.scenario).scenario, True, case.settings)
    looked_for = {check.name for check in scenario.checks}
    if case.counts and case.caught_by in NAMES:
        assert case.caught_by in looked_for, f"{case.scenario} has no check of that name"


@pytest.mark.parametrize("case", SABOTAGED, ids=by_name)
def test_somebody_knows_how_to_sabotage(case: Case) -> None:
    assert case.sabotage is not None
    assert case.sabotage.act in (FORGERIES if case.sabotage.phase == AFTERWARDS else ACTS)


def test_every_gate_is_made_to_fail_on_a_real_run() -> None:
    named = {case.caught_by for case in cases() if case.counts}
    table = (ROOT / "docs" / "reading-a-report.md").read_text().partition("| gate |")[2].partition("\n\n")[0]
    gates = {name for row in table.splitlines()[2:] for name in row.split("|")[1].strip().split(", ")}
    assert {"schedule lag", "links as planned"} <= gates
    assert gates <= named


def test_no_two_cases_have_the_same_name() -> None:
    names = [case.name for case in cases()]
    assert len(names) == len(set(names))


def test_enough_mutants_count() -> None:
    assert sum(case.kind is CaseKind.MUTANT and case.counts for case in cases()) >= 60


def test_a_quick_self_check_has_twelve_mutants_and_six_cases_of_sabotage() -> None:
    quick = [case.kind for case in cases() if case.quick]
    assert quick.count(CaseKind.MUTANT) == 12
    assert quick.count(CaseKind.SABOTAGE) == 6
