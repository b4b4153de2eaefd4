"""What a target is asked to be, over whole plans drawn at random: every fault of every kind, steady or in bursts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.faults import ConnectionHog, CpuLimit, Down, Latency, Pause, RowLock, Surge, TableLock
from lab.model import DATABASE, FAULT, POSTGRES, QUICK, SERVICE, Burst, StateFault, Switch
from lab.plan.arrivals import surges
from lab.plan.states import active_at, asked, steady_windows, targets
from lab.plan.switches import plan_switches

START_S, END_S = QUICK.window(FAULT)
WHENS = st.tuples(st.floats(0, 0.5), st.floats(0.55, 1))
BURSTS = st.none() | st.builds(Burst, on_s=st.floats(0.05, 4), off_s=st.floats(0.05, 4))
COMMON = {"during": WHENS, "burst": BURSTS}
FAULTS = st.lists(
    st.one_of(
        st.builds(Down, link=st.just(DATABASE), **COMMON),
        st.builds(Latency, link=st.just(DATABASE), latency_ms=st.integers(1, 500), **COMMON),
        st.builds(RowLock, table=st.just("wallets"), rows=st.integers(1, 9), **COMMON),
        st.builds(TableLock, table=st.just("bookings"), **COMMON),
        st.builds(ConnectionHog, sessions=st.integers(1, 150), **COMMON),
        st.builds(Pause, part=st.just(SERVICE), **COMMON),
        st.builds(CpuLimit, part=st.sampled_from((SERVICE, POSTGRES)), cpus=st.floats(0.1, 0.9), **COMMON),
        st.builds(Surge, times=st.floats(2, 9), **COMMON),
    ),
    min_size=1,
    max_size=4,
)
SEEDS = st.integers(0, 10_000)


def walked(switches: Sequence[Switch]) -> list[frozenset[int]]:
    """Which faults are on after each switch, as the injector keeps count."""
    active: frozenset[int] = frozenset()
    steps = []
    for switch in switches:
        active = active | {switch.fault} if switch.on else active - {switch.fault}
        steps.append(active)
    return steps


@settings(max_examples=60, deadline=None)
@given(FAULTS, SEEDS)
def test_one_seed_is_one_plan_that_ends_with_everything_healthy(faults: list[StateFault], seed: int) -> None:
    switches = plan_switches(faults, QUICK, seed)
    assert switches == plan_switches(faults, QUICK, seed)
    for target in targets(faults):
        healthy = type(next(fault for fault in faults if fault.target() == target).state())()
        assert asked(faults, target, walked(switches)[-1], healthy) == healthy
        assert asked(faults, target, active_at(switches, END_S), healthy) == healthy
        assert asked(faults, target, active_at(switches, START_S - 0.001), healthy) == healthy


@settings(max_examples=60, deadline=None)
@given(FAULTS, SEEDS)
def test_a_switch_changes_its_own_fault_only_and_never_what_is_so_already(
    faults: list[StateFault], seed: int
) -> None:
    before: frozenset[int] = frozenset()
    for switch, active in zip(switches := plan_switches(faults, QUICK, seed), walked(switches), strict=True):
        assert active ^ before == {switch.fault}
        before = active


@settings(max_examples=60, deadline=None)
@given(FAULTS, SEEDS)
def test_a_target_is_asked_for_the_sum_of_what_is_on_there(faults: list[StateFault], seed: int) -> None:
    switches = plan_switches(faults, QUICK, seed)
    for switch, active in zip(switches, walked(switches), strict=True):
        target = faults[switch.fault].target()
        on = [faults[n].state() for n in sorted(active) if faults[n].target() == target]
        healthy = type(faults[switch.fault].state())()
        assert asked(faults, target, active, healthy) == reduce(lambda a, b: a.plus(b), on, healthy)


@settings(max_examples=60, deadline=None)
@given(FAULTS, SEEDS)
def test_every_fault_has_its_windows_inside_its_part_of_the_phase(
    faults: list[StateFault], seed: int
) -> None:
    switches = plan_switches(faults, QUICK, seed)
    steady = {window.fault: window for window in steady_windows(switches, faults)}
    assert set(steady) == {n for n, fault in enumerate(faults) if fault.burst is None}
    for switch in switches:
        first, last = (START_S + share * (END_S - START_S) for share in faults[switch.fault].during)
        assert first - 1e-5 <= switch.at_s <= last + 1e-5
    planned = [(surge.window, surge.times) for surge in surges(faults, switches)]
    wanted = sum(isinstance(faults[switch.fault], Surge) for switch in switches if switch.on)
    assert len(planned) == wanted
    assert all(START_S <= on < off <= END_S for (on, off), _times in planned)
