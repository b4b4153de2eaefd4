"""The verdict on a run: worst check wins, a crashed check is never held, and the first sentence is right."""

import math
import re
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from lab.checks.invariants import NoLostAcks
from lab.checks.slos import GoodRatio, RecoversWithin
from lab.faults import Latency, Timeout
from lab.judge.description import describe
from lab.judge.verdict import judge
from lab.model import (
    BASELINE,
    DATABASE,
    FAULT,
    Check,
    CheckResult,
    CpuRead,
    Evidence,
    FaultWindow,
    LabError,
    Outcome,
    Role,
    RunVerdict,
    Scenario,
    TwinPlan,
    Verdict,
)
from lab.record import Status
from tests.fabricated.evidence import (
    HARDENED,
    NAIVE,
    PAIR,
    PHASES,
    THREE,
    FabricatedRun,
    FabricatedTwin,
    a_run,
    a_scenario,
    in_fault_phase,
    probes,
    together,
    with_fault_phase,
)

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE
START_S, END_S = PHASES.window(FAULT)
WINDOW = [FaultWindow(fault=0, on_s=START_S, off_s=END_S)]
GOOD, BAD = with_fault_phase(in_fault_phase()), with_fault_phase(in_fault_phase(latency_ms=700))
SEEN = [*probes(0, START_S), *probes(START_S, END_S, answer_ms=202), *probes(END_S, PHASES.load_s)]
CHECKS = (GoodRatio(phase=FAULT, at_least=0.95), RecoversWithin(at_most_s=5))
SLOW = a_scenario(faults=(Latency(link=DATABASE, latency_ms=100),), checks=CHECKS)
BOTH_HOLD = {NAIVE: HELD, HARDENED: HELD}
VERDICT_WORDS = re.compile(r"\b(held|broken?|inconclusive)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Crashing(Check):
    name: ClassVar[str] = "crashing"
    invariant: ClassVar[str] = "I0"

    def title(self) -> str:
        return "crashes"

    def judge(self, evidence: Evidence) -> CheckResult:
        raise KeyError("bookings")


@dataclass(frozen=True, kw_only=True)
class Always(Check):
    name: ClassVar[str] = "always"
    verdict: ClassVar[Verdict] = HELD
    says: ClassVar[str] = "holds"

    def title(self) -> str:
        return self.says

    def judge(self, evidence: Evidence) -> CheckResult:
        return replace(self.undecided("So it is."), verdict=self.verdict)


@dataclass(frozen=True, kw_only=True)
class Holding(Always):
    pass


@dataclass(frozen=True, kw_only=True)
class Breaking(Always):
    verdict: ClassVar[Verdict] = BROKEN
    says: ClassVar[str] = "breaks"


def run_of(
    scenario: Scenario, *rows: object, plans: tuple[TwinPlan, ...] = PAIR, **all_of_them: object
) -> FabricatedRun:
    """A run in which each twin had these requests."""
    if scenario.faults:
        all_of_them = {"probes": SEEN, "fault_windows": WINDOW, **all_of_them}
    twins = (
        FabricatedTwin(plan=plan, requests=own, **all_of_them) for plan, own in zip(plans, rows, strict=True)
    )
    return a_run(scenario, *twins)


def judged(scenario: Scenario, *rows: object, **more: object) -> RunVerdict:
    return judge(run_of(scenario, *rows, **more))


def test_the_contrast_is_told_with_the_numbers_that_decide_it() -> None:
    verdict = judged(SLOW, BAD, GOOD)
    assert verdict.valid
    assert verdict.as_expected
    assert [twin.verdict for twin in verdict.twins] == [BROKEN, HELD]
    assert verdict.sentence == (
        "With 100 ms of latency on the way back from the database: "
        "the naive twin broke (0 % of 200 requests got the right answer within 300 ms); "
        "the hardened twin held (100 % of 200 requests got the right answer within 300 ms). "
        "During the fault: naive 0 % good, 100 % late, 0 % refused, 0 % unknown of 200; "
        "hardened 100 % good, 0 % refused, 0 % unknown of 200."
    )


def test_who_held_by_refusing_is_told_to_have_refused() -> None:
    """The invariant holds for both; that one of them served nobody stands beside it."""
    refusing = with_fault_phase(in_fault_phase(status=503, outcome=Outcome.REFUSED))
    only_data = replace(SLOW, checks=(Holding(),), expected=BOTH_HOLD)
    sentence = judged(only_data, GOOD, refusing).sentence
    assert "the hardened twin held" in sentence
    assert "naive 100 % good, 0 % refused, 0 % unknown of 200; hardened 0 % good, 100 % refused" in sentence


def test_what_became_of_the_requests_adds_up_to_all_of_them() -> None:
    mixed = together(
        in_fault_phase(rate_rps=5),
        in_fault_phase(rate_rps=1, latency_ms=700),
        in_fault_phase(rate_rps=1, status=409, outcome=Outcome.REFUSED),
        in_fault_phase(rate_rps=1, status=500, outcome=Outcome.FAILED),
        in_fault_phase(rate_rps=1, status=500, outcome=Outcome.UNKNOWN),
        in_fault_phase(rate_rps=1, wrong=True),
    )
    told = describe(FabricatedTwin(requests=with_fault_phase(mixed))).phases[FAULT]
    assert told.served_ratio == pytest.approx(0.6)
    assert told.tally == (
        "50 % good, 10 % late, 10 % conflict, 0 % refused, 10 % failed, 10 % unknown, 10 % wrong of 100"
    )


# -- as expected


@pytest.mark.parametrize(
    ("checks", "as_expected", "contradicts"),
    [
        ((Breaking(), Holding()), True, False),
        ((Breaking(), Crashing()), True, False),
        ((Holding(), Breaking()), False, True),
        ((Crashing(), Breaking()), False, False),
        ((Holding(), Holding()), False, True),
        ((Holding(), Crashing()), False, True),
        ((Crashing(), Holding()), False, False),
    ],
)
def test_a_twin_breaks_as_expected_only_by_what_the_scenario_is_about(
    checks: tuple[Check, ...], as_expected: bool, contradicts: bool
) -> None:
    scenario = a_scenario(checks=checks, expected={NAIVE: BROKEN})
    verdict = judged(scenario, GOOD, GOOD)
    assert verdict.as_expected is as_expected
    assert verdict.twins[0].contradicts is contradicts


@pytest.mark.parametrize(
    ("checks", "as_expected", "contradicts"),
    [
        ((Holding(), Holding()), True, False),
        ((Holding(), Breaking()), False, True),
        ((Holding(), Crashing()), False, False),
        ((Crashing(), Breaking()), False, True),
    ],
)
def test_a_twin_holds_as_expected_only_if_every_check_holds(
    checks: tuple[Check, ...], as_expected: bool, contradicts: bool
) -> None:
    verdict = judged(a_scenario(checks=checks, expected={HARDENED: HELD}), GOOD, GOOD)
    assert verdict.as_expected is as_expected
    assert verdict.twins[1].contradicts is contradicts


def test_who_breaks_for_another_reason_is_told_so() -> None:
    verdict = judged(a_scenario(checks=(Holding(), Breaking()), expected={NAIVE: BROKEN}), GOOD, GOOD)
    assert verdict.sentence.endswith(
        "Not what was expected: the naive twin broke, but not on the check that the scenario is about (holds: held)."
    )


def test_a_run_that_ended_early_has_a_verdict_that_says_why() -> None:
    """Nothing else of it is looked at: what is missing was never written."""

    run = run_of(SLOW, BAD, GOOD)
    why = "The program 'load' beside the naive twin ended mid-run, with exit code -9."
    run.manifest = replace(run.manifest, status=Status.ABORTED, problem=why)
    verdict = judge(run)
    assert not verdict.valid
    assert [(gate.name, gate.sentence) for gate in verdict.gates] == [("run complete", why)]
    assert verdict.sentence == f"Invalid run, no twin is judged: run complete: {why}"


@pytest.mark.parametrize(
    ("naive", "hardened", "words"),
    [
        (
            GOOD,
            GOOD,
            ["the naive twin held (100 %", "the hardened twin held (100 %", "Not what was expected"],
        ),
        (BAD, BAD, ["the naive twin broke (0 %", "the hardened twin broke (0 %", "Not what was expected"]),
        (GOOD, BAD, ["the naive twin held (100 %", "the hardened twin broke (0 %", "Not what was expected"]),
    ],
    ids=["both hold", "both break", "the wrong one breaks"],
)
def test_an_unexpected_result_is_told_as_it_is(naive: object, hardened: object, words: list[str]) -> None:
    verdict = judged(SLOW, naive, hardened)
    assert verdict.as_expected is False
    assert all(word in verdict.sentence for word in words)


def test_with_nothing_broken_both_hold_as_expected() -> None:
    control = a_scenario(checks=CHECKS[:1], expected=BOTH_HOLD)
    verdict = judged(control, GOOD, GOOD)
    assert verdict.as_expected
    assert verdict.sentence.startswith("With nothing broken: the naive twin held (100 %")


def test_the_check_that_separates_the_twins_is_told_though_it_is_not_the_first() -> None:
    first_holds = replace(SLOW, checks=(GoodRatio(phase=BASELINE, at_least=0.9), *CHECKS))
    sentence = judged(first_holds, BAD, GOOD).sentence
    assert "broke (0 % of 200" in sentence
    assert "held (100 % of 200" in sentence  # of the same check, not of the first that held


def test_faults_in_turn_are_told_in_turn() -> None:
    halves = a_scenario(
        faults=(
            Timeout(link=DATABASE, during=(0, 0.5)),
            Timeout(link=DATABASE, direction="upstream", during=(0.5, 1)),
        ),
        checks=CHECKS[:1],
    )
    middle_s = START_S + 5
    windows = [
        FaultWindow(fault=0, on_s=START_S, off_s=middle_s),
        FaultWindow(fault=1, on_s=middle_s, off_s=END_S),
    ]
    silent = [*probes(0, START_S), *probes(START_S, END_S, error="timeout"), *probes(END_S, PHASES.load_s)]
    verdict = judged(halves, BAD, GOOD, probes=silent, fault_windows=windows)
    assert "way back from the database, then a blackhole on the way to the database:" in verdict.sentence


def test_a_check_that_crashes_is_inconclusive_and_says_how() -> None:
    crashing = a_scenario(checks=(Crashing(),), expected=BOTH_HOLD)
    verdict = judged(crashing, GOOD, GOOD)
    result = verdict.twins[0].checks[0]
    assert (result.verdict, result.invariant) == (INCONCLUSIVE, "I0")
    assert "KeyError" in result.sentence
    assert verdict.as_expected is False
    assert "the naive twin was inconclusive (the check itself failed" in verdict.sentence


def test_the_worst_check_decides() -> None:
    mixed = replace(SLOW, checks=(*CHECKS, NoLostAcks(), Crashing()))
    verdict = judged(mixed, BAD, GOOD)
    assert [twin.verdict for twin in verdict.twins] == [BROKEN, INCONCLUSIVE]


def test_an_invalid_run_names_its_gate_and_uses_no_verdict_word() -> None:
    verdict = judged(SLOW, BAD, GOOD, probes=probes(0, PHASES.load_s))
    assert not verdict.valid
    assert verdict.as_expected is None
    assert verdict.sentence.startswith("Invalid run, no twin is judged: fault observed (naive twin): ")
    assert not VERDICT_WORDS.search(verdict.sentence)


def test_if_only_the_last_twin_fails_a_gate_the_first_is_not_judged_either() -> None:
    run = run_of(SLOW, BAD, GOOD)
    run.twins[1].probes = probes(0, PHASES.load_s)
    verdict = judge(run)
    assert verdict.sentence.startswith("Invalid run, no twin is judged: fault observed (hardened twin): ")
    assert [(twin.verdict, twin.checks) for twin in verdict.twins] == [(Verdict.INCONCLUSIVE, ())] * 2


def test_a_third_twin_is_judged_and_surprises_nobody_of_whom_nothing_is_expected() -> None:
    plans = (*PAIR, TwinPlan(name="student", service="student", role=Role.GUEST))
    verdict = judged(SLOW, BAD, GOOD, BAD, plans=plans)
    assert [(twin.twin, twin.role, twin.verdict) for twin in verdict.twins] == [
        (NAIVE, Role.CONTROL, BROKEN),
        (HARDENED, Role.TREATMENT, HELD),
        ("student", Role.GUEST, BROKEN),
    ]
    assert verdict.twins[2].expected is None
    assert verdict.as_expected
    assert "the student twin broke (0 % of 200" in verdict.sentence


def test_the_same_service_twice_is_judged_twice_by_what_its_service_is_expected_to_do() -> None:
    verdict = judged(SLOW, BAD, GOOD, GOOD, plans=THREE)
    assert [twin.expected for twin in verdict.twins] == [BROKEN, HELD, BROKEN]
    assert verdict.as_expected is False
    assert "the naive-2 twin held" in verdict.sentence


def test_nothing_is_expected_of_a_twin_whose_defences_were_changed() -> None:
    changed = replace(PAIR[1], defences="all,-deadline", altered=True)
    verdict = judged(SLOW, BAD, BAD, plans=(PAIR[0], changed))
    assert [(twin.verdict, twin.expected) for twin in verdict.twins] == [(BROKEN, BROKEN), (BROKEN, None)]
    assert verdict.as_expected
    assert "Not what was expected" not in verdict.sentence


def test_twins_are_told_in_the_order_of_the_run() -> None:
    verdict = judged(SLOW, GOOD, BAD, plans=PAIR[::-1])
    assert [twin.twin for twin in verdict.twins] == [HARDENED, NAIVE]
    assert verdict.sentence.index("hardened") < verdict.sentence.index("naive")


def test_a_file_that_cannot_be_read_is_the_run_s_affair_and_not_a_check_s() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Unreadable(Crashing):
        def judge(self, evidence: Evidence) -> CheckResult:
            raise LabError("final.json is damaged")

    with pytest.raises(LabError, match=r"final\.json is damaged"):
        judged(a_scenario(checks=(Unreadable(),)), GOOD, GOOD)


def test_the_same_evidence_gives_the_same_verdict() -> None:
    assert judged(SLOW, BAD, GOOD) == judged(SLOW, BAD, GOOD)


def test_the_numbers_describe_each_phase() -> None:
    run = run_of(SLOW, with_fault_phase(in_fault_phase(status=500, outcome=Outcome.UNKNOWN)), GOOD)
    for twin in run.twins:
        readings = zip((3, 9, 19), (1.0, 1.6, 9.0), strict=True)
        cpu = (CpuRead(twin=twin.twin, at_s=at_s + 0.01, cpu_s=cpu_s) for at_s, cpu_s in readings)
        twin.events = [*twin.events, *cpu]
    naive, hardened = (twin.numbers for twin in judge(run).twins)
    assert naive.phases[BASELINE].p95_ms == pytest.approx(5)
    assert naive.phases[FAULT].p50_ms == math.inf
    assert naive.phases[FAULT].endings["unknown"] == 200
    assert naive.phases[FAULT].goodput_rps == 0
    assert naive.lost_good_s == pytest.approx(10, abs=0.1)
    assert naive.time_to_recover_s == 0
    assert naive.phases[FAULT].p99_ms is None  # 200 requests carry no p99
    assert naive.phases[BASELINE].p95_ms is not None
    assert hardened.lost_good_s == 0
    assert hardened.cpu_ms_per_request == pytest.approx(5, rel=0.02)
    assert hardened.schedule_lag_p99_ms == pytest.approx(0.5)
