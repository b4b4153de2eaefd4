"""How a case ends: caught only if the right check, gate or number told; and every end is on disk at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.selfcheck import BEGIN, END, exit_code, others, scored
from lab.model import FAULT, LabError, RunVerdict, TwinVerdict, Verdict
from lab.model.selfcheck import Case, CaseKind, CaseResult, Finding, Mutation, Sabotage, as_it_must, scores
from lab.record.files import write_value
from lab.selfcheck import walking, workshop
from lab.selfcheck.judging import Trial, found
from lab.selfcheck.reading import cases as every_case
from lab.selfcheck.walking import RESULTS, Plan, SelfcheckFolder, unfinished, walk
from lab.selfcheck.workshop import Workshop, mutated_text, ran
from reports.selfcheck import Checked, page, sentence
from tests.fabricated.verdicts import make_verdict

NAMES = ("good ratio", "recovers within", "no lost acknowledgements")
BROKEN = make_verdict("run")  # naive breaks the first and the last check, hardened none
INVALID = make_verdict("run", valid=False)
HELD = replace(BROKEN, twins=BROKEN.twins[1:])


def a_case(kind: CaseKind = CaseKind.MUTANT, **fields: object) -> Case:
    told = {"name": "c", "kind": kind, "why": "W.", "scenario": "s00-control", "caught_by": "good ratio"}
    return Case(**{**told, **fields})  # type: ignore[arg-type]


def ended(case: Case, verdict: RunVerdict | None, **fields: object) -> Finding:
    trial = Trial(code=0, words="", run="run", verdict=verdict, checks=NAMES)
    return found(case, replace(trial, **fields)).finding  # type: ignore[arg-type]


def with_median(twin: TwinVerdict, p50_ms: float) -> TwinVerdict:
    phases = {**twin.numbers.phases, FAULT: replace(twin.numbers.phases[FAULT], p50_ms=p50_ms)}
    return replace(twin, numbers=replace(twin.numbers, phases=phases))


@pytest.mark.parametrize(
    ("caught_by", "verdict", "finding"),
    [
        ("good ratio", BROKEN, Finding.CAUGHT),
        ("recovers within", BROKEN, Finding.ELSEWHERE),
        ("good ratio", HELD, Finding.SURVIVED),
        ("fault observed", INVALID, Finding.CAUGHT),
        ("good ratio", INVALID, Finding.UNDECIDED),
    ],
)
def test_a_mutant_is_caught_by_the_check_or_gate_that_must_tell(
    caught_by: str, verdict: RunVerdict, finding: Finding
) -> None:
    assert ended(a_case(caught_by=caught_by), verdict) is finding


def test_a_mutant_whose_code_never_ran_proves_nothing() -> None:
    assert ended(a_case(), BROKEN, ran=False) is Finding.DORMANT


@pytest.mark.parametrize(
    ("caught_by", "verdict", "finding"),
    [
        ("fault observed", INVALID, Finding.CAUGHT),
        ("foreign CPU", INVALID, Finding.ELSEWHERE),
        ("foreign CPU", HELD, Finding.SURVIVED),
    ],
)
def test_sabotage_must_make_the_run_invalid_by_the_right_gate(
    caught_by: str, verdict: RunVerdict, finding: Finding
) -> None:
    assert ended(a_case(CaseKind.SABOTAGE, caught_by=caught_by), verdict) is finding


def test_a_broken_check_is_no_answer_to_sabotage() -> None:
    """It blames the twin for what somebody else did."""
    for caught_by in ("foreign CPU", "good ratio"):
        assert ended(a_case(CaseKind.SABOTAGE, caught_by=caught_by), BROKEN) is Finding.SURVIVED


def test_an_invalid_run_without_a_verdict_does_not_say_why() -> None:
    assert ended(a_case(CaseKind.SABOTAGE, caught_by="run complete"), None, code=3) is Finding.ELSEWHERE
    assert ended(a_case(), None, code=2) is Finding.UNDECIDED


def test_a_saboteur_who_came_too_late_has_tried_nothing() -> None:
    assert ended(a_case(CaseKind.SABOTAGE), INVALID, error="too late") is Finding.UNDECIDED


def test_a_forged_folder_must_be_refused_by_its_checksums() -> None:
    case = a_case(CaseKind.SABOTAGE, caught_by="checksums")
    words = "lab: requests.bin was changed after the run. Repeat the run."
    assert ended(case, None, code=2, words=words) is Finding.CAUGHT
    assert ended(case, HELD, code=0) is Finding.SURVIVED


def test_the_same_twin_twice_must_get_the_same_verdict() -> None:
    case = a_case(CaseKind.SAME, caught_by="")
    alike = replace(BROKEN, twins=(BROKEN.twins[0], BROKEN.twins[0]))
    assert ended(case, alike) is Finding.CAUGHT
    assert ended(case, BROKEN) is Finding.SURVIVED
    assert ended(case, INVALID) is Finding.UNDECIDED
    neither = replace(BROKEN.twins[0], verdict=Verdict.INCONCLUSIVE)
    assert ended(case, replace(BROKEN, twins=(neither, neither))) is Finding.UNDECIDED


def test_an_effect_must_show_in_the_twin_in_which_it_was_planted_alone() -> None:
    planted_second = replace(BROKEN, twins=BROKEN.twins[::-1])
    assert ended(a_case(CaseKind.EFFECT), planted_second) is Finding.CAUGHT
    assert ended(a_case(CaseKind.EFFECT), BROKEN) is Finding.UNDECIDED
    assert ended(a_case(CaseKind.EFFECT, caught_by="recovers within"), planted_second) is Finding.ELSEWHERE


@pytest.mark.parametrize(("p50_ms", "finding"), [(56.0, Finding.CAUGHT), (6.0, Finding.SURVIVED)])
def test_a_number_must_rise_by_what_was_planted(p50_ms: float, finding: Finding) -> None:
    clean, planted = (with_median(BROKEN.twins[1], value) for value in (5.0, p50_ms))
    case = a_case(CaseKind.EFFECT, rise=(45.0, 60.0), caught_by="p50")
    assert ended(case, replace(BROKEN, twins=(clean, planted))) is finding


def a_result(finding: Finding = Finding.CAUGHT, case: str = "c") -> CaseResult:
    return CaseResult(case=case, finding=finding, sentence="S.", commit="abc", day="2026-11-26")


@pytest.mark.parametrize(
    ("fields", "finding", "right"),
    [
        ({}, Finding.CAUGHT, True),
        ({}, Finding.SURVIVED, False),
        ({"equivalent": "because"}, Finding.SURVIVED, True),
        ({"equivalent": "because"}, Finding.CAUGHT, False),
        ({"awaits": "S15"}, Finding.SURVIVED, True),
    ],
)
def test_an_equivalent_mutant_must_survive_and_one_that_awaits_a_scenario_may(
    fields: dict[str, str], finding: Finding, right: bool
) -> None:
    assert as_it_must(a_case(**fields), a_result(finding)) is right


def test_only_cases_that_count_are_in_the_score() -> None:
    cases = (
        a_case(),
        a_case(name="d"),
        a_case(name="e", equivalent="because"),
        a_case(name="f", awaits="S15"),
    )
    (score,) = scores(cases, [a_result(), a_result(Finding.UNDECIDED, "d"), a_result(case="f")])
    assert (score.cases, score.tried, score.caught) == (2, 1, 1)


def test_the_exit_code_tells_whether_all_was_caught() -> None:
    cases = (a_case(), a_case(name="d"))
    assert exit_code(cases, [a_result(), a_result(case="d")]) == 0
    assert exit_code(cases, [a_result(), a_result(Finding.SURVIVED, "d")]) == 1
    assert exit_code(cases, [a_result()]) == 3


def test_a_mutation_must_fit_one_place_and_marks_its_schema_in_the_server_s_log() -> None:
    twice = Mutation(file="services/x.py", old="a", new="b")
    with pytest.raises(Exception, match="matches 2 places"):
        mutated_text("c", "a a", twice)
    schema = Mutation(file="services/x.sql", old="a", new="mutated();")
    assert mutated_text("c", "a", schema) == "DO $$ BEGIN RAISE WARNING 'mutant ran: c'; END $$;"


def test_a_marker_in_a_log_proves_that_the_mutant_ran(tmp_path: Path) -> None:
    (tmp_path / "hardened" / "logs").mkdir(parents=True)
    log = tmp_path / "hardened" / "logs" / "service.log"
    log.write_text("mutant ran: other\n")
    assert not ran(tmp_path, "c")
    log.write_text("mutant ran: other\nmutant ran: c\n")
    assert ran(tmp_path, "c")


class Shop(Workshop):
    """A workshop in which nothing is run: the runs fail, or the power does."""

    def open(self) -> None:
        pass


def the_plan(*names: str) -> Plan:
    cases = tuple(a_case(name=name) for name in names)
    return Plan(commit="abc", runtime="local", seed=1, cases=cases)


def test_what_is_known_survives_a_kill_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "Workshop", Shop)
    monkeypatch.setattr(walking.paths, "STATE", tmp_path / "state")
    tried: list[str] = []

    def pull_the_plug(_workshop: Workshop, case: Case, _plan: Plan) -> Trial:
        tried.append(case.name)
        if tried == ["a", "b"]:
            raise KeyboardInterrupt
        if case.name == "c":
            return Trial(code=2, words="The port was taken.")
        return Trial(code=1, words="", run="run", verdict=BROKEN, checks=NAMES)

    monkeypatch.setattr(walking, "tried", pull_the_plug)
    plan = the_plan("a", "b", "c")
    folder = SelfcheckFolder.create(tmp_path / "runs" / "one", plan)
    with pytest.raises(KeyboardInterrupt):
        list(walk(folder, lambda _text: None))
    (folder.folder / RESULTS / ".b.json.123").write_text(
        '{"case": "half a li'
    )  # the kill came while it was written
    again = unfinished(tmp_path / "runs", plan)
    assert again is not None
    assert unfinished(tmp_path / "runs", replace(plan, commit="def")) is None
    list(walk(again, lambda _text: None))
    assert tried == ["a", "b", "b", "c"]
    assert {name: result.finding for name, result in again.results().items()} == {
        "a": Finding.CAUGHT,
        "b": Finding.CAUGHT,
    }
    assert [case.name for case in again.left()] == ["c"]


def test_the_page_shows_each_case_and_the_score_is_in_the_readme() -> None:
    cases = (
        a_case(),
        a_case(name="d", awaits="S15"),
        a_case(CaseKind.SABOTAGE, name="s", sabotage=Sabotage(act="stopped", phase="fault")),
    )
    nothing = Checked(machine={})
    assert "not been run in full yet" in sentence(cases, nothing)
    checked = Checked(
        results=(a_result(), a_result(Finding.SURVIVED, "s")), runtime="local", machine={"cores": 2}
    )
    told = sentence(cases, checked)
    assert told.startswith("The lab caught 1 of 1 mutants and 0 of 1 cases of sabotage")
    made = page(cases, checked)
    assert told in made
    assert "| **c**: W. | s00-control | good ratio | caught | S. |" in made
    assert "| **d**: W. | s00-control | good ratio; awaits S15 | not tried yet |  |" in made
    readme = f"Before.\n{BEGIN}old\nlines{END}\nAfter."
    assert scored(readme, told) == f"Before.\n{BEGIN}{told}{END}\nAfter."


def test_cases_that_are_tried_again_leave_the_others_on_the_page(tmp_path: Path) -> None:
    first, second, third = every_case()[:3]
    gone = "no such case any more"
    known = tuple(a_result(case=name) for name in (first.name, second.name, third.name, gone))
    write_value(tmp_path / "page.json", Checked(results=known, machine={}))
    kept = [result.case for result in others(tmp_path / "page.md", [second])]
    assert kept == [first.name, third.name]
    assert list(others(tmp_path / "none.md", [second])) == []
    assert list(others(tmp_path / "page.md", every_case())) == []


def test_a_result_is_json_for_machines(tmp_path: Path) -> None:
    folder = SelfcheckFolder.create(tmp_path / "one", the_plan("c"))
    folder.add(a_result())
    assert json.loads((folder.folder / RESULTS / "c.json").read_text())["finding"] == "caught"


def test_a_case_that_takes_too_long_is_named_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshop, "START", "import time; time.sleep(30)")
    monkeypatch.setattr(workshop, "RUN_TIMEOUT_S", 0.2)
    shop, case = Workshop(tmp_path), a_case(CaseKind.SAME, name="same-twice")
    shop.prepare(case)
    with pytest.raises(
        LabError, match=r"same-twice took longer than 0\.2 s\. Run the same command to try it"
    ):
        shop.run(case, "local", 1, 0)
