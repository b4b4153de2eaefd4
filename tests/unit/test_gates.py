"""Every validity gate is seen red, and a healthy run passes them all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lab.checks.slos import GoodRatio
from lab.faults import Latency
from lab.judge.gates import look
from lab.judge.verdict import judge
from lab.model import BASELINE, DATABASE, FAULT, Gate, Outcome
from tests.fabricated.evidence import (
    HARDENED,
    NAIVE,
    PHASES,
    FabricatedRun,
    FabricatedTwin,
    a_run,
    a_scenario,
    probes,
    requests,
    together,
)

START_S, END_S = PHASES.window(FAULT)
SCENARIO = a_scenario(
    faults=(Latency(link=DATABASE, latency_ms=100),), checks=(GoodRatio(phase=FAULT, at_least=0.9),)
)
FELT = [*probes(0, START_S), *probes(START_S, END_S, answer_ms=202), *probes(END_S, PHASES.load_s)]


def healthy(twin: str = NAIVE) -> FabricatedTwin:
    return FabricatedTwin(twin=twin, scenario=SCENARIO, probes=FELT, fault_windows=[(0, START_S, END_S)])


def a_healthy_run() -> FabricatedRun:
    return a_run(SCENARIO, naive=healthy(NAIVE), hardened=healthy(HARDENED))


def failed(run: FabricatedRun) -> list[Gate]:
    return [gate for gate in look(run, list(run.twins.values()), SCENARIO) if not gate.passed]


def test_a_healthy_run_passes_every_gate_of_both_twins() -> None:
    run = a_healthy_run()
    gates = look(run, list(run.twins.values()), SCENARIO)
    assert failed(run) == []
    assert {gate.twin for gate in gates} == {"", NAIVE, HARDENED}
    assert all(gate.sentence.endswith(".") for gate in gates)


def late(rows: Any) -> Any:
    rows["sent"] += 0.006
    return rows


def one_twice(rows: Any) -> Any:
    rows["i"][7] = 6
    return rows


def ill_baseline() -> object:
    start_s, _ = PHASES.window(BASELINE)
    ill = requests(start_s, start_s + 0.1, status=500, outcome=Outcome.UNKNOWN)
    return together(requests(0, start_s), ill, requests(start_s + 0.1, PHASES.load_s))


TWIN_GATES: list[tuple[str, dict[str, object]]] = [
    ("planned = recorded", {"requests": requests()[:-1]}),
    ("planned = recorded", {"requests": one_twice(requests())}),
    ("send lag", {"requests": late(requests())}),
    ("generator in good order", {"load": {**FabricatedTwin().load, "cap_hits": 1}}),
    ("generator in good order", {"load": {**FabricatedTwin().load, "errors": ["EMFILE"]}}),
    ("oracle alive", {"load": {**FabricatedTwin().load, "oracle_rejects_planted_wrong": False}}),
    ("baseline healthy", {"requests": ill_baseline()}),
    ("fault felt", {"probes": probes(0, PHASES.load_s)}),
    ("healing felt", {"probes": [*probes(0, START_S), *probes(START_S, PHASES.load_s, answer_ms=202)]}),
]


@pytest.mark.parametrize(("gate", "change"), TWIN_GATES, ids=[gate for gate, _ in TWIN_GATES])
def test_a_gate_goes_red_for_the_twin_that_it_is_about(gate: str, change: dict[str, object]) -> None:
    run = a_run(SCENARIO, naive=healthy(NAIVE), hardened=replace(healthy(HARDENED), **change))
    assert [(one.name, one.twin) for one in failed(run)] == [(gate, HARDENED)]


def not_as_asked(run: FabricatedRun) -> None:
    run.events[0] |= {"ok": False, "error": "the proxy did not answer"}


def not_there_in_mid_fault(run: FabricatedRun) -> None:
    run.events.append({"event": "echo", "twin": NAIVE, "link": DATABASE, "at_s": 14.0, "ok": False})


def never_switched(run: FabricatedRun) -> None:
    run.events.clear()


def late_by_60_ms(run: FabricatedRun) -> None:
    for event in run.events:
        event["after_s"] += 0.06


def twins_out_of_step(run: FabricatedRun) -> None:
    for event in run.events:
        if "before_s" in event and event["twin"] == NAIVE:
            event["before_s"] += 0.011
            event["after_s"] += 0.011


def aborted(run: FabricatedRun) -> None:
    run.manifest["status"] = "aborted"


@pytest.mark.parametrize(
    ("spoil", "gates"),
    [
        (not_as_asked, {"fault as asked"}),
        (not_there_in_mid_fault, {"fault as asked"}),
        (never_switched, {"fault as asked", "faults on time", "twins in step"}),
        (late_by_60_ms, {"faults on time"}),
        (twins_out_of_step, {"twins in step"}),
        (aborted, {"run complete"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_gate_goes_red_when_the_fault_was_not_as_planned(
    spoil: Callable[[FabricatedRun], None], gates: set[str]
) -> None:
    run = a_healthy_run()
    spoil(run)
    assert {gate.name for gate in failed(run)} == gates


def test_conflicts_in_the_baseline_are_healthy() -> None:
    contested = requests(status=409, outcome=Outcome.REFUSED)
    run = a_run(SCENARIO, naive=replace(healthy(NAIVE), requests=contested), hardened=healthy(HARDENED))
    assert failed(run) == []


def test_a_run_whose_toxic_was_never_applied_is_invalid_and_judges_nobody() -> None:
    unharmed = {"probes": probes(0, PHASES.load_s)}
    run = a_run(
        SCENARIO, naive=replace(healthy(NAIVE), **unharmed), hardened=replace(healthy(HARDENED), **unharmed)
    )
    verdict = judge(run, SCENARIO)
    assert (verdict.valid, verdict.as_expected) == (False, None)
    assert [gate.name for gate in verdict.gates[:2]] == ["fault felt", "fault felt"]
    assert all(twin.checks == () for twin in verdict.twins)


def test_without_a_fault_there_is_none_to_feel() -> None:
    control = a_scenario()
    run = a_run(control, naive=FabricatedTwin(twin=NAIVE), hardened=FabricatedTwin(twin=HARDENED))
    gates = look(run, list(run.twins.values()), control)
    assert all(gate.passed for gate in gates)
    assert not {"fault felt", "healing felt", "fault as asked", "twins in step"} & {
        gate.name for gate in gates
    }
