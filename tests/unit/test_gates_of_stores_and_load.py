"""The gates on a run whose database or load is broken: green when all is as planned, and each seen red."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.faults import ConnectionHog, DropSessions, RowLock, Surge, TableLock
from lab.model import (
    FAULT,
    STORE,
    Event,
    Fault,
    FaultWindow,
    Performed,
    ProxiesRead,
    ServersRead,
    SessionsSample,
    StoreState,
    Switched,
)
from tests.fabricated.evidence import (
    PAIR,
    PHASES,
    FabricatedRun,
    FabricatedTwin,
    a_run,
    a_scenario,
    probes,
    requests,
    together,
)
from tests.fabricated.gates import look

START_S, END_S = PHASES.window(FAULT)
LOAD_S = PHASES.load_s
HELD = [RowLock(table="wallets"), TableLock(table="bookings"), ConnectionHog(sessions=150)]
OF_STORES: list[Fault] = [*HELD, DropSessions()]
EVERY: list[Fault] = [*OF_STORES, Surge(times=3)]
COUNT = {"row_lock": 1, "table_lock": 2, "connection_hog": 150}


def looks(start_s: float, end_s: float, **changes: Any) -> list[SessionsSample]:
    """Five a second, of a service with ten sessions that were opened a second before T0."""
    instants = [start_s + n / 5 for n in range(round(5 * (end_s - start_s)))]
    calm = {"service": 10, "held": 0, "waiting": 0}
    return [
        SessionsSample(**{"target": str(STORE), "start_s": at_s, "oldest_s": at_s + 1, **calm, **changes})
        for at_s in instants
    ]


def hit(fault: Fault, start_s: float, end_s: float) -> list[SessionsSample]:
    """What is seen from `start_s` on, while `fault` is there."""
    if isinstance(fault, DropSessions):
        return [replace(sample, oldest_s=sample.start_s - START_S) for sample in looks(start_s + 0.1, end_s)]
    return looks(start_s, end_s, held=COUNT.get(fault.kind, 0), waiting=2, longest_wait_s=1.0)


def more(until_s: float) -> Any:
    """The requests of a surge that lasts until `until_s`."""
    return together(requests(), requests(START_S, until_s, rate_rps=40))


def a_run_with(fault: Fault, seen: Sequence[SessionsSample] = (), rows: Any = None) -> FabricatedRun:
    window = [FaultWindow(fault=0, on_s=START_S, off_s=END_S)]
    twins = [
        FabricatedTwin(
            plan=plan, probes=seen, fault_windows=window, requests=requests() if rows is None else rows
        )
        for plan in PAIR
    ]
    return a_run(a_scenario(faults=(fault,)), *twins)


def as_planned(fault: Fault) -> FabricatedRun:
    if isinstance(fault, Surge):
        return a_run_with(fault, rows=more(END_S))
    return a_run_with(fault, [*looks(0, START_S), *hit(fault, START_S, END_S), *looks(END_S, LOAD_S)])


def never_there(fault: Fault) -> FabricatedRun:
    return a_run_with(fault, looks(0, LOAD_S))


def for_ever(fault: Fault) -> FabricatedRun:
    if isinstance(fault, Surge):
        return a_run_with(fault, rows=more(LOAD_S))
    if isinstance(fault, DropSessions):  # the service never comes back
        gone = looks(END_S, LOAD_S, service=0, oldest_s=0.0)
        return a_run_with(fault, [*looks(0, START_S), *hit(fault, START_S, END_S), *gone])
    return a_run_with(fault, [*looks(0, START_S), *hit(fault, START_S, LOAD_S)])


def failed(run: FabricatedRun) -> set[str]:
    return {gate.name for gate in look(run) if not gate.passed}


def changed(run: FabricatedRun, change: Callable[[Event], Event]) -> FabricatedRun:
    for twin in run.twins:
        twin.events = [
            change(event) if isinstance(event, Switched | Performed) else event for event in twin.events
        ]
    return run


@pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.kind)
def test_what_was_observed_and_healed_is_valid(fault: Fault) -> None:
    assert failed(as_planned(fault)) == set()


@pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.kind)
def test_what_was_never_there_is_invalid(fault: Fault) -> None:
    assert failed(never_there(fault)) == {"fault observed"}


@pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.kind)
def test_what_did_not_go_away_is_invalid(fault: Fault) -> None:
    assert failed(for_ever(fault)) == {"healing observed"}


@pytest.mark.parametrize("fault", HELD, ids=lambda fault: fault.kind)
def test_a_server_that_holds_less_than_asked_is_invalid(fault: Fault) -> None:
    def less(event: Event) -> Event:
        return replace(event, echo=StoreState()) if isinstance(event, Switched) and event.on else event

    assert failed(changed(as_planned(fault), less)) == {"fault as asked"}


def test_an_action_that_hit_nothing_is_invalid() -> None:
    def missed(event: Event) -> Event:
        return replace(event, hits=0) if isinstance(event, Performed) else event

    assert failed(changed(as_planned(DropSessions()), missed)) == {"fault as asked"}


@pytest.mark.parametrize("fault", OF_STORES, ids=lambda fault: fault.kind)
def test_a_database_may_take_its_time_but_must_be_asked_on_time(fault: Fault) -> None:
    def slow(event: Event) -> Event:
        assert isinstance(event, Switched | Performed)
        return replace(event, after_s=event.after_s + 2)

    def late(event: Event) -> Event:
        assert isinstance(event, Switched | Performed)
        return replace(event, before_s=event.before_s + 0.12, after_s=event.after_s + 0.12)

    assert failed(changed(as_planned(fault), slow)) == set()
    assert failed(changed(as_planned(fault), late)) == {"faults on time"}


def test_a_surge_is_in_the_schedule_so_that_nobody_switches_it() -> None:
    run = as_planned(Surge(times=3))
    for twin in run.twins:
        twin.events = [event for event in twin.events if isinstance(event, ProxiesRead | ServersRead)]
    assert failed(run) == set()
    assert "fault as asked" not in {gate.name for gate in look(run)}


@pytest.mark.parametrize(
    ("fault_ms", "recovery_ms", "found"),
    [(30.0, 30.0, set()), (80.0, 2.0, {"links as planned"}), (2.0, 80.0, {"links as planned"})],
)
def test_in_a_surge_and_its_backlog_even_the_fastest_probes_wait_for_the_twins_cores(
    fault_ms: float, recovery_ms: float, found: set[str]
) -> None:
    run = as_planned(Surge(times=3))
    run.twins[0].probes = [
        *probes(0, START_S),
        *probes(START_S, END_S, answer_ms=fault_ms),
        *probes(END_S, LOAD_S, answer_ms=recovery_ms),
    ]
    assert failed(run) == found
