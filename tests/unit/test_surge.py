"""A surge: what it makes of the load, what it refuses, and that the records show it only where it was."""

from __future__ import annotations

from typing import Any

import pytest

from lab.faults import Surge
from lab.judge.gates.proofs import fault_proof, healed_proof
from lab.model import ARRIVALS, FAULT, Burst, FaultWindow, LabError, LoadState, Seen
from tests.fabricated.evidence import PHASES, FabricatedTwin, a_scenario, requests, together

THRICE = Surge(times=3)
START_S, END_S = PHASES.window(FAULT)
MORE = requests(START_S, END_S, rate_rps=40)  # on top of 20 per second


def came(per_s: float, length_s: float = 8, lost: int = 0) -> Seen:
    planned = round(per_s * length_s)
    return Seen(samples=(), length_s=length_s, planned=planned, recorded=planned - lost)


def a_twin(rows: Any, *windows: tuple[float, float]) -> FabricatedTwin:
    return FabricatedTwin(
        scenario=a_scenario(faults=(THRICE,)),
        requests=rows,
        fault_windows=[FaultWindow(fault=0, on_s=on, off_s=off) for on, off in windows],
    )


def test_a_surge_multiplies_the_arrivals_and_no_probe_looks_for_it() -> None:
    assert THRICE.state() == LoadState(times=3)
    assert THRICE.target() == ARRIVALS
    assert THRICE.probes() == ()
    assert THRICE.describe() == "3 times the load"
    assert "1 s on" in Surge(times=2, burst=Burst(on_s=1, off_s=2)).describe()


@pytest.mark.parametrize("times", [1, 1.9, 101, True, "3"])
def test_a_surge_that_is_none_or_too_much_is_refused(times: Any) -> None:
    with pytest.raises(LabError, match="times"):
        Surge(times=times).state()


def test_a_surge_at_no_time_is_refused() -> None:
    with pytest.raises(LabError, match="during"):
        Surge(times=3, during=(1, 0.5)).target()


@pytest.mark.parametrize(
    ("per_s", "observed"),
    [(20, False), (34, False), (35, True), (60, True), (103, True), (104, False)],
)
def test_a_surge_is_observed_when_arrivals_came_about_as_often_as_planned(
    per_s: float, observed: bool
) -> None:
    assert THRICE.observed(came(20), came(per_s)).proved is observed


@pytest.mark.parametrize(("before", "during"), [(8.0, 11.0), (8.0, 24.0), (10.0, 12.0)])
def test_few_arrivals_vary_by_chance_and_that_is_no_fault_of_the_run(before: float, during: float) -> None:
    """Twice of 40 in 5 s: one plan in seven was nearer to once, or as near to three times."""
    assert Surge(times=2).observed(came(before, length_s=5), came(during)).proved


@pytest.mark.parametrize("length_s", [1, 5, 50])
def test_however_few_they_are_as_many_as_before_are_no_surge(length_s: float) -> None:
    assert not Surge(times=2).observed(came(8, length_s), came(8, length_s)).proved


@pytest.mark.parametrize(("after", "healed"), [(11.5, True), (5.6, True), (17, False), (3.9, False)])
def test_a_small_surge_that_is_over_may_leave_what_chance_allows(after: float, healed: bool) -> None:
    assert Surge(times=2).healed(came(8, length_s=5), came(16), came(after)).proved is healed


def test_arrivals_that_were_never_recorded_did_not_come() -> None:
    found = THRICE.observed(came(20), came(60, lost=1))
    assert (found.proved, found.value, found.limit) == (False, 1, 0)


def test_the_limit_of_a_surge_that_failed_is_the_one_that_it_broke() -> None:
    more, fewer = THRICE.observed(came(20), came(120)), THRICE.healed(came(20), came(60), came(5))
    assert more.value is not None
    assert more.limit is not None
    assert more.value > more.limit
    assert fewer.value is not None
    assert fewer.limit is not None
    assert fewer.value < fewer.limit


@pytest.mark.parametrize(
    ("per_s", "healed"), [(20, True), (28, True), (35, False), (60, False), (5, False), (0, False)]
)
def test_a_surge_is_over_when_the_rate_is_what_it_was(per_s: float, healed: bool) -> None:
    assert THRICE.healed(came(20), came(60), came(per_s)).proved is healed


def test_a_small_surge_is_over_only_when_half_of_it_is_gone() -> None:
    assert not Surge(times=2).healed(came(20), came(40), came(29)).proved


def test_nothing_to_compare_with_proves_nothing() -> None:
    nothing = Seen(samples=())
    assert not THRICE.observed(came(0), came(60)).proved
    assert not THRICE.observed(came(20), nothing).proved
    assert not THRICE.healed(came(20), came(60), nothing).proved


def test_the_records_of_its_windows_speak_for_a_surge() -> None:
    surging = a_twin(together(requests(), MORE), (START_S, END_S))
    assert fault_proof(0, surging).proved
    assert healed_proof(THRICE, surging).proved
    assert not fault_proof(0, a_twin(requests(), (START_S, END_S))).proved
    for_ever = a_twin(together(requests(), requests(START_S, rate_rps=40)), (START_S, END_S))
    assert not healed_proof(THRICE, for_ever).proved


def test_bursts_of_a_surge_are_compared_without_the_pauses_between() -> None:
    bursts = [(START_S, START_S + 1), (START_S + 4, START_S + 5)]
    rows = together(requests(), *(requests(on, off, rate_rps=40) for on, off in bursts))
    assert fault_proof(0, a_twin(rows, *bursts)).proved
