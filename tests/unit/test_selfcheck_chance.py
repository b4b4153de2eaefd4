"""A case is not caught by chance: what a busy machine can do to a run does not count as having noticed anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.faults import Latency
from lab.judge.gates import SPOILED
from lab.judge.gates.baseline import BASELINE_HEALTHY, WRONG_CONTENT
from lab.judge.statistics import WRONG_BODY
from lab.model import BASELINE, DATABASE, Failure, Gate, Outcome, RunVerdict, Verdict
from lab.model.selfcheck import CaseKind, Finding
from lab.record import REQUEST, write_verdict
from lab.runtime.programs import Ended
from lab.selfcheck.amiss import amiss
from lab.selfcheck.judging import Trial, found
from lab.selfcheck.reading import cases
from lab.selfcheck.walking import seen
from tests.fabricated.evidence import (
    PHASES,
    FabricatedTwin,
    a_run,
    a_scenario,
    in_fault_phase,
    requests,
    together,
)
from tests.fabricated.folder import Fabricated, make_run
from tests.unit.test_selfcheck_judging import BROKEN, HELD, INVALID, NAMES, a_case

START_S, END_S = PHASES.window(BASELINE)
REFUSED = {"status": 503, "outcome": Outcome.REFUSED}
LOST = {"status": 0, "outcome": Outcome.UNKNOWN, "failure": Failure.TIMEOUT}
SPOILED_BASELINE = replace(
    INVALID,
    gates=(Gate(name=BASELINE_HEALTHY, passed=False, value=0.9, limit=0.99, unit="share", sentence="Bad."),),
)


def a_twin(*rows: Any, faults: tuple[Any, ...] = ()) -> FabricatedTwin:
    """Healthy, but for some more requests."""
    twin = FabricatedTwin(requests=together(requests(), *rows))
    a_run(a_scenario(faults=faults), twin)
    return twin


def in_baseline(**what: Any) -> Any:
    return requests(START_S, END_S, **{"rate_rps": 2, "op": "create_booking", **what})


@pytest.mark.parametrize(
    "what",
    [
        {"latency_ms": 2_000},
        {"op": "get_booking", **REFUSED},
        {"op": "get_booking", **LOST},
        {"status": 409, "outcome": Outcome.REFUSED, "rate_rps": 0.5},
    ],
    ids=["late", "told to try again", "lost", "a few conflicts"],
)
def test_what_a_busy_machine_does_is_not_amiss(what: dict[str, Any]) -> None:
    assert amiss(a_twin(in_baseline(**what)), {}) == ()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"wrong": True, "rate_rps": 0.2}, "2 wrong answers to create_booking"),
        (
            {"status": 422, "outcome": Outcome.REFUSED, "rate_rps": 0.2},
            "2 refusals of create_booking for good",
        ),
        (
            {"status": 500, "outcome": Outcome.UNKNOWN, "rate_rps": 0.2},
            "2 refusals of create_booking for good",
        ),
        (REFUSED, "no right answer to create_booking in the baseline phase"),
    ],
)
def test_what_no_busy_machine_does_is_amiss(what: dict[str, Any], told: str) -> None:
    assert amiss(a_twin(in_baseline(**what)), {}) == (told,)


def test_a_machine_on_which_nothing_works_singles_nobody_out() -> None:
    twin = FabricatedTwin(requests=requests(**REFUSED))
    a_run(a_scenario(), twin)
    assert amiss(twin, {}) == ()


def test_writes_to_one_path_count_together() -> None:
    rare = [in_baseline(op=op, rate_rps=0.5, **REFUSED) for op in ("create_booking", "healthz")]
    twin = a_twin(*rare)
    writes = twin.requests["i"][twin.requests["status"] == REFUSED["status"]].tolist()
    assert amiss(twin, {}) == ()
    assert amiss(twin, dict.fromkeys(writes, "/bookings/")) == (
        "no right answer to /bookings/ in the baseline phase",
    )
    assert amiss(twin, dict.fromkeys(writes, "/bookings/7/")) == ()


def test_what_a_fault_does_later_is_not_amiss() -> None:
    later = in_fault_phase(op="create_booking", rate_rps=2, **REFUSED)
    assert amiss(a_twin(later), {}) == ("no right answer to create_booking in the fault phase",)
    assert amiss(a_twin(later, faults=(Latency(link=DATABASE, latency_ms=100),)), {}) == ()


def ended(verdict: RunVerdict, *wrong: str, **fields: Any) -> Finding:
    trial = Trial(code=3, words="", run="run", verdict=verdict, checks=NAMES, amiss=wrong)
    return found(a_case(**fields), trial).finding


def test_a_baseline_that_a_busy_machine_spoiled_shows_no_mutant() -> None:
    assert ended(SPOILED_BASELINE, caught_by=BASELINE_HEALTHY) is Finding.UNDECIDED
    assert ended(SPOILED_BASELINE, "1 wrong answer", caught_by=BASELINE_HEALTHY) is Finding.CAUGHT
    assert ended(SPOILED_BASELINE) is Finding.UNDECIDED
    assert ended(SPOILED_BASELINE, "1 wrong answer") is Finding.ELSEWHERE


def test_before_the_fault_a_wrong_answer_is_told_by_the_gate_instead_of_the_check() -> None:
    gates = [
        replace(gate, sentence=f"Of the others, 1 {WRONG_CONTENT}.")
        if gate.name == BASELINE_HEALTHY
        else gate
        for gate in SPOILED_BASELINE.gates
    ]
    told = replace(SPOILED_BASELINE, gates=tuple(gates))
    assert ended(told, "1 wrong answer", caught_by="right answers") is Finding.CAUGHT
    assert ended(SPOILED_BASELINE, "1 wrong answer", caught_by="right answers") is Finding.ELSEWHERE
    assert ended(told, "1 wrong answer", caught_by="good ratio") is Finding.ELSEWHERE


def test_an_equivalent_mutant_survives_only_where_every_check_reached_a_verdict() -> None:
    unknown = replace(HELD, twins=(replace(HELD.twins[0], verdict=Verdict.INCONCLUSIVE),))
    equal = {"equivalent": "because", "caught_by": ""}
    assert ended(HELD, **equal) is Finding.SURVIVED
    assert ended(unknown, **equal) is Finding.UNDECIDED
    assert ended(INVALID, **equal) is Finding.UNDECIDED
    assert ended(SPOILED_BASELINE, **equal) is Finding.UNDECIDED
    assert ended(unknown) is Finding.SURVIVED


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        ({"says": "THE PROBE saw"}, Finding.CAUGHT),
        ({"says": "database"}, Finding.UNDECIDED),
        ({"value": (0.0, 1.0)}, Finding.CAUGHT),
        ({"value": (50.0, 150.0)}, Finding.UNDECIDED),
    ],
)
def test_a_gate_must_fail_because_of_what_was_done(fields: dict[str, Any], finding: Finding) -> None:
    told = {"kind": CaseKind.SABOTAGE, "caught_by": "fault observed", **fields}
    assert ended(INVALID, **told) is finding


def test_a_check_must_break_because_of_what_was_done() -> None:
    assert ended(BROKEN, says="1.4 % of the planned requests") is Finding.CAUGHT
    assert ended(BROKEN, says="doubled") is Finding.UNDECIDED
    assert ended(HELD, says="doubled") is Finding.SURVIVED


def test_a_gate_without_a_value_does_not_give_the_size_of_anything() -> None:
    gates = tuple(replace(gate, value=None) for gate in INVALID.gates)
    told = {"kind": CaseKind.SABOTAGE, "caught_by": "fault observed", "value": (0.0, 1.0)}
    assert ended(replace(INVALID, gates=gates), **told) is Finding.UNDECIDED


def test_each_gate_that_a_busy_machine_spoils_must_tell_what_was_done() -> None:
    of_sabotage = [case for case in cases() if case.kind is CaseKind.SABOTAGE and case.caught_by in SPOILED]
    assert len(of_sabotage) > 10
    assert [case.name for case in of_sabotage if not case.says and case.value is None] == []


def test_what_is_amiss_is_read_from_the_folder_of_an_invalid_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", Fabricated(requests=300))
    path, done = folder / "hardened" / "requests.bin", Ended(name="lab", code=3, stdout="", stderr="")
    write_verdict(folder, INVALID)
    assert seen(a_case(), done, folder, "").amiss == ()
    rows = np.fromfile(path, dtype=REQUEST)
    rows["flags"][1:] |= WRONG_BODY  # the first one names the twin
    path.write_bytes(rows.tobytes())
    assert any("wrong answers to get_booking" in told for told in seen(a_case(), done, folder, "").amiss)
    write_verdict(folder, BROKEN)
    assert seen(a_case(), done, folder, "").amiss == ()


def test_a_check_that_breaks_without_any_mutant_has_caught_none() -> None:
    unchanged = {"equivalent": "nothing is changed", "caught_by": ""}
    assert ended(BROKEN, silent=("good ratio",), **unchanged) is Finding.ELSEWHERE
    assert ended(BROKEN, silent=("recovers within",), **unchanged) is Finding.SURVIVED
    unknown = replace(HELD, twins=(replace(HELD.twins[0], verdict=Verdict.INCONCLUSIVE),))
    assert ended(unknown, silent=("good ratio",), **unchanged) is Finding.SURVIVED
    assert ended(INVALID, silent=("good ratio",), **unchanged) is Finding.UNDECIDED
    assert ended(SPOILED_BASELINE, silent=("good ratio",), **unchanged) is Finding.UNDECIDED


def test_each_run_that_mutants_are_tried_in_is_also_made_without_any() -> None:
    mutants = [case for case in cases() if case.kind is CaseKind.MUTANT and case.counts and not case.says]
    unchanged = [case for case in cases() if case.silent]
    silent = {(case.scenario, case.twins, case.settings): case.silent for case in unchanged}
    for case in mutants:
        assert case.caught_by in silent[case.scenario, case.twins, case.settings], case.name
    assert not any(case.mutation or case.counts for case in unchanged)
