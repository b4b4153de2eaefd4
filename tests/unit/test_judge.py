"""The verdict on a run: worst check wins, a crashed check is never held, and the first sentence is right."""

import math
import re
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from lab.checks.invariants import NoLostAcks
from lab.checks.slos import GoodRatio, RecoversWithin
from lab.faults import Latency, Timeout
from lab.judge.verdict import judge
from lab.model import BASELINE, DATABASE, FAULT, Check, CheckResult, Evidence, Outcome, Scenario, Verdict
from tests.fabricated.evidence import (
    HARDENED,
    NAIVE,
    PHASES,
    FabricatedRun,
    FabricatedTwin,
    a_run,
    a_scenario,
    in_fault_phase,
    probes,
    with_fault_phase,
)

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE
START_S, END_S = PHASES.window(FAULT)
GOOD, BAD = with_fault_phase(in_fault_phase()), with_fault_phase(in_fault_phase(latency_ms=700))
FELT = [*probes(0, START_S), *probes(START_S, END_S, answer_ms=202), *probes(END_S, PHASES.load_s)]
CHECKS = (GoodRatio(phase=FAULT, at_least=0.95), RecoversWithin(at_most_s=5))
SLOW = a_scenario(faults=(Latency(link=DATABASE, latency_ms=100),), checks=CHECKS)
BOTH_HOLD = {NAIVE: HELD, HARDENED: HELD}
VERDICT_WORDS = re.compile(r"\b(held|broken|inconclusive|stood|fell)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Crashing(Check):
    name: ClassVar[str] = "crashing"
    invariant: ClassVar[str] = "I0"

    def title(self) -> str:
        return "crashes"

    def judge(self, evidence: Evidence) -> CheckResult:
        raise KeyError("bookings")


def run_of(scenario: Scenario, naive: object, hardened: object, **both: object) -> FabricatedRun:
    if scenario.faults:
        both = {"probes": FELT, "fault_windows": [(0, START_S, END_S)], **both}
    twins = {
        name: FabricatedTwin(twin=name, scenario=scenario, requests=rows, **both)
        for name, rows in ((NAIVE, naive), (HARDENED, hardened))
    }
    return a_run(scenario, **twins)


def test_the_contrast_is_told_with_the_numbers_that_decide_it() -> None:
    verdict = judge(run_of(SLOW, BAD, GOOD), SLOW)
    assert verdict.valid
    assert verdict.as_expected
    assert [twin.verdict for twin in verdict.twins] == [BROKEN, HELD]
    assert verdict.sentence == (
        "With 100 ms of latency on the way back from the database: "
        "the naive twin fell (0 % of 200 requests got the right answer within 300 ms); "
        "the hardened twin stood (100 % of 200 requests got the right answer within 300 ms)."
    )


@pytest.mark.parametrize(
    ("naive", "hardened", "words"),
    [
        (
            GOOD,
            GOOD,
            ["the naive twin stood (100 %", "the hardened twin stood (100 %", "Not what was expected"],
        ),
        (BAD, BAD, ["the naive twin fell (0 %", "the hardened twin fell (0 %", "Not what was expected"]),
        (GOOD, BAD, ["the naive twin stood (100 %", "the hardened twin fell (0 %", "Not what was expected"]),
    ],
    ids=["both stand", "both fall", "the wrong one falls"],
)
def test_an_unexpected_result_is_told_as_it_is(naive: object, hardened: object, words: list[str]) -> None:
    verdict = judge(run_of(SLOW, naive, hardened), SLOW)
    assert verdict.as_expected is False
    assert all(word in verdict.sentence for word in words)


def test_in_the_control_both_stand_as_expected() -> None:
    control = a_scenario(checks=CHECKS[:1], expected=BOTH_HOLD)
    verdict = judge(run_of(control, GOOD, GOOD), control)
    assert verdict.as_expected
    assert verdict.sentence.startswith("With nothing broken: the naive twin stood (100 %")


def test_the_check_that_separates_the_twins_is_told_though_it_is_not_the_first() -> None:
    first_holds = replace(SLOW, checks=(GoodRatio(phase=BASELINE, at_least=0.9), *CHECKS))
    sentence = judge(run_of(first_holds, BAD, GOOD), first_holds).sentence
    assert "fell (0 % of 200" in sentence
    assert "stood (100 % of 200" in sentence  # of the same check, not of the first that held


def test_faults_in_turn_are_told_in_turn() -> None:
    halves = a_scenario(
        faults=(
            Timeout(link=DATABASE, during=(0, 0.5)),
            Timeout(link=DATABASE, direction="upstream", during=(0.5, 1)),
        ),
        checks=CHECKS[:1],
    )
    windows = [(0, START_S, START_S + 5), (1, START_S + 5, END_S)]
    silent = [*probes(0, START_S), *probes(START_S, END_S, error="timeout"), *probes(END_S, PHASES.load_s)]
    verdict = judge(run_of(halves, BAD, GOOD, probes=silent, fault_windows=windows), halves)
    assert "way back from the database, then a blackhole on the way to the database:" in verdict.sentence


def test_a_check_that_crashes_is_inconclusive_and_says_how() -> None:
    crashing = a_scenario(checks=(Crashing(),), expected=BOTH_HOLD)
    verdict = judge(run_of(crashing, GOOD, GOOD), crashing)
    result = verdict.twins[0].checks[0]
    assert (result.verdict, result.invariant) == (INCONCLUSIVE, "I0")
    assert "KeyError" in result.sentence
    assert verdict.as_expected is False
    assert "the naive twin was not conclusive (the check itself failed" in verdict.sentence


def test_the_worst_check_decides() -> None:
    mixed = replace(SLOW, checks=(*CHECKS, NoLostAcks(), Crashing()))
    verdict = judge(run_of(mixed, BAD, GOOD), mixed)
    assert [twin.verdict for twin in verdict.twins] == [BROKEN, INCONCLUSIVE]


def test_an_invalid_run_names_its_gate_and_uses_no_verdict_word() -> None:
    verdict = judge(run_of(SLOW, BAD, GOOD, probes=probes(0, PHASES.load_s)), SLOW)
    assert not verdict.valid
    assert verdict.as_expected is None
    assert verdict.sentence.startswith("Invalid run, nobody is judged: fault felt (naive twin): ")
    assert not VERDICT_WORDS.search(verdict.sentence)


def test_twins_are_told_naive_first_whatever_their_order_in_the_folder() -> None:
    run = run_of(SLOW, BAD, GOOD)
    run.manifest["twins"] = dict(sorted(run.manifest["twins"].items()))
    assert [twin.twin for twin in judge(run, SLOW).twins] == [NAIVE, HARDENED]


def test_the_same_evidence_gives_the_same_verdict() -> None:
    assert judge(run_of(SLOW, BAD, GOOD), SLOW) == judge(run_of(SLOW, BAD, GOOD), SLOW)


def test_the_numbers_describe_each_phase() -> None:
    run = run_of(SLOW, with_fault_phase(in_fault_phase(status=500, outcome=Outcome.UNKNOWN)), GOOD)
    run.events += [
        {"event": "cpu", "twin": twin, "at_s": at_s + 0.01, "cpu_s": cpu_s}
        for twin in run.twins
        for at_s, cpu_s in zip((3, 9, 19), (1.0, 1.6, 9.0), strict=True)
    ]
    naive, hardened = (twin.numbers for twin in judge(run, SLOW).twins)
    assert naive["phases"]["baseline"]["p95_ms"] == pytest.approx(5)
    assert naive["phases"]["fault"]["p50_ms"] == math.inf
    assert naive["phases"]["fault"]["outcomes"]["unknown"] == 200
    assert naive["phases"]["fault"]["goodput_rps"] == 0
    assert naive["lost_good_s"] == pytest.approx(10, abs=0.1)
    assert naive["time_to_recover_s"] == 0
    assert hardened["lost_good_s"] == 0
    assert hardened["cpu_ms_per_request"] == pytest.approx(5, rel=0.02)
    assert hardened["send_lag_p99_ms"] == pytest.approx(0.5)
