"""What every scenario of the catalogue checks: enough, nothing in vain, and nothing that a run is too short to see."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from lab import catalogue
from lab.checks.invariants import (
    INVARIANTS,
    ChargesMatch,
    CleanEndState,
    Conservation,
    ExactlyOnce,
    JustifiedRefusals,
    NoDoubleBooking,
    NoLostAcks,
    NoPhantoms,
    RefusedMeansRefused,
    StoredAsAsked,
)
from lab.checks.slos import SLOS, RecoversWithin
from lab.judge.recovery import HEALTHY_FOR_S
from lab.model import FAULT, FULL, QUICK, Check, FaultWindow, Load, Outcome, Phases, Scenario, Verdict
from lab.plan.arrivals import Surge, plan_arrivals, surges
from lab.plan.switches import plan_switches
from lab.record import REQUEST
from lab.workload import known
from lab.workload.booking.followers import FOLLOWERS, again
from lab.workload.booking.operations import HISTORY_OPS
from tests.fabricated.evidence import FabricatedTwin, a_scenario

SCENARIOS = [entry.scenario for entry in catalogue.entries().values()]
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
MONEY = {op for op in HISTORY_OPS if "transfer" in op}
BOOKINGS = {op for op in HISTORY_OPS if op.startswith(("create_booking", "contested_booking"))}
OF_THE_UNWELL = (
    "statements per request",
    "truthful readiness",
    "retry after",
)  # a healthy twin shows nothing
REPEATED = {op for op, follower in FOLLOWERS.items() if follower.make is again}
WRITTEN = (NoLostAcks, NoPhantoms, RefusedMeansRefused, StoredAsAsked, CleanEndState)


def kinds(scenario: Scenario) -> set[type[Check]]:
    return {type(check) for check in scenario.checks}


@every_scenario
def test_whatever_is_written_is_looked_at_by_the_invariants_about_it(scenario: Scenario) -> None:
    asked = set(scenario.load.mix)
    needed: set[type[Check]] = set(WRITTEN) if asked & HISTORY_OPS else set()
    needed |= {Conservation, JustifiedRefusals} if asked & MONEY else set()
    needed |= {ChargesMatch, NoDoubleBooking} if asked & BOOKINGS else set()
    needed |= {ExactlyOnce} if asked & REPEATED else set()
    assert needed <= kinds(scenario)


@every_scenario
def test_where_money_moves_some_wallets_run_dry(scenario: Scenario) -> None:
    """Else nothing shows that an overdraft is refused."""
    assert not set(scenario.load.mix) & MONEY or "scarce_transfer" in scenario.load.mix


# -- availability


def planned_surges(scenario: Scenario, phases: Phases) -> tuple[Surge, ...]:
    return surges(scenario.faults, plan_switches(scenario.faults, phases, 1))


def of_the_plan(scenario: Scenario, phases: Phases, **changes: Any) -> FabricatedTwin:
    """A healthy twin with the requests that a run would plan, all answered rightly at once."""
    workload = known.find(scenario.workload)
    planned = list(
        plan_arrivals(
            scenario.load,
            phases,
            1,
            workload,
            {**workload.sizes, **scenario.sizes},
            planned_surges(scenario, phases),
        )
    )
    ops = tuple({each.op: None for each in planned})
    rows = np.zeros(len(planned), REQUEST)
    rows["i"], rows["op"] = np.arange(len(planned)), [ops.index(each.op) for each in planned]
    rows["intended"] = [each.at_s for each in planned]
    rows["sent"] = rows["started"] = rows["intended"] + 0.0005
    rows["end"], rows["status"] = rows["intended"] + 0.005, 200
    on_s, off_s = phases.window(FAULT)
    windows = [FaultWindow(fault=0, on_s=on_s, off_s=off_s)]
    return FabricatedTwin(
        scenario=scenario, phases=phases, requests=rows, ops=ops, fault_windows=windows, **changes
    )


@every_scenario
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "full"])
def test_a_twin_that_refuses_everything_during_the_fault_breaks_a_check(
    scenario: Scenario, quick: bool
) -> None:
    """However honestly and fast: each scenario checks that somebody is served, also where it is about data."""
    phases = scenario.quick if quick else scenario.full
    twin = of_the_plan(scenario, phases)
    on_s, off_s = phases.window(FAULT)
    during = (twin.requests["intended"] >= on_s) & (twin.requests["intended"] < off_s)
    twin.requests["status"][during], twin.requests["outcome"][during] = 503, Outcome.REFUSED
    slos = [check.judge(twin) for check in scenario.checks if isinstance(check, SLOS)]
    assert Verdict.BROKEN in [result.verdict for result in slos]


# -- limits that a run can reach


def out_of_reach(check: Check, load: Load, phases: Phases) -> Iterator[str]:
    """Limits of `check` that nothing in a run of these phases can exceed, or of which none would be seen to be met."""
    left_s = phases.total_s - phases.window(FAULT)[0]  # of what began with the fault, at the last look
    for field in fields(check):
        value = getattr(check, field.name)
        if field.name.endswith("_s") and value > left_s:
            yield f"{field.name}={value:g}: a run sees {left_s:g} s of what begins with the fault"
        if field.name.endswith("_ms") and value >= 1000 * load.client_timeout_s:
            yield f"{field.name}={value:g}: clients give up after {load.client_timeout_s:g} s"
    if isinstance(check, RecoversWithin) and check.at_most_s + HEALTHY_FOR_S > phases.recovery_s:
        needed_s = check.at_most_s + HEALTHY_FOR_S
        yield f"at_most_s and the healthy seconds after it are {needed_s:g} s: recovery is {phases.recovery_s:g} s"


@every_scenario
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "full"])
def test_every_limit_can_be_reached_within_a_run(scenario: Scenario, quick: bool) -> None:
    phases = scenario.quick if quick else scenario.full
    found = [text for check in scenario.checks for text in out_of_reach(check, scenario.load, phases)]
    assert found == []


def test_a_limit_out_of_reach_is_found() -> None:
    load = a_scenario().load
    assert list(out_of_reach(CleanEndState(pending_at_most_s=120), load, QUICK))
    assert list(out_of_reach(CleanEndState(pending_at_most_s=120), load, FULL))
    assert list(out_of_reach(RecoversWithin(at_most_s=5), load, QUICK))
    assert not list(out_of_reach(RecoversWithin(at_most_s=5), load, replace(QUICK, recovery_s=10)))


@every_scenario
@pytest.mark.parametrize("seconds_ill", [5, 6])
def test_the_limit_of_recovery_is_seen_to_be_met_and_to_be_missed(
    scenario: Scenario, seconds_ill: int
) -> None:
    for check in scenario.checks:
        if isinstance(check, RecoversWithin):
            assert check.at_most_s == 5
            phases = scenario.quick
            twin = of_the_plan(scenario, phases)
            on_s, off_s = phases.window(FAULT)
            ill = (twin.requests["intended"] >= on_s) & (twin.requests["intended"] < off_s + seconds_ill)
            twin.requests["status"][ill], twin.requests["outcome"][ill] = 500, Outcome.UNKNOWN
            expected = Verdict.HELD if seconds_ill == 5 else Verdict.BROKEN
            assert check.judge(twin).verdict is expected


@every_scenario
def test_the_first_check_is_what_the_scenario_is_about_and_can_decide(scenario: Scenario) -> None:
    """A healthy twin never breaks an SLO, and none is left open for want of requests."""
    twin = of_the_plan(scenario, scenario.quick)
    assert scenario.checks
    for check in scenario.checks:
        if isinstance(check, SLOS) and check.name not in OF_THE_UNWELL:
            assert check.judge(twin).verdict is Verdict.HELD


def test_every_invariant_is_used_in_some_scenario() -> None:
    assert {kind for scenario in SCENARIOS for kind in kinds(scenario)} >= set(INVARIANTS)
