"""The gates on a run whose parts are broken: green when all is as planned, and each seen red."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.faults import CpuLimit, DescriptorLimit, Kill, MemoryLimit, Pause, RowLock, Stop
from lab.model import (
    EDGE,
    FAULT,
    SERVICE,
    Event,
    Fault,
    FaultWindow,
    Life,
    PartSample,
    PartState,
    Performed,
    StateFault,
    Switched,
    a_part,
)
from tests.fabricated.evidence import PAIR, PHASES, FabricatedRun, FabricatedTwin, a_run, a_scenario, probes
from tests.fabricated.gates import look

START_S, END_S = PHASES.window(FAULT)
LOAD_S = PHASES.load_s
MEMORY_BYTES = 64 * 1024 * 1024
# What is seen while each is there.
HITS: dict[Fault, dict[str, Any]] = {
    Kill(part=SERVICE): {"pid": 0, "life": Life.DEAD},
    Stop(part=SERVICE): {"pid": 0, "life": Life.DEAD},
    Pause(part=SERVICE): {"life": Life.PAUSED},
    CpuLimit(part=SERVICE, cpus=0.25): {"cpus_max": 0.25},
    MemoryLimit(part=SERVICE, memory_mib=64): {"rss_max_bytes": MEMORY_BYTES, "oom_kills": 1},
    DescriptorLimit(part=SERVICE, descriptors=16): {"descriptors_max": 16, "descriptors": 16},
}


def looks(start_s: float, end_s: float, **changes: Any) -> list[PartSample]:
    """Five a second, at a service that runs; under a CPU limit it is held back for half of the time."""
    held = 0.5 if "cpus_max" in changes else 0.0
    common = {"target": str(a_part(SERVICE)), "member": "1", "pid": 7, "life": Life.RUNNING, "oom_kills": 0}
    return [
        PartSample(
            **{
                **common,
                "start_s": at_s,
                "cpu_s": 0.2 * at_s,
                "throttled_s": held * at_s,
                "descriptors": 9,
                **changes,
            }
        )
        for at_s in (start_s + n / 5 for n in range(round(5 * (end_s - start_s))))
    ]


def a_run_with(fault: Fault, probes: Sequence[PartSample]) -> FabricatedRun:
    window = [FaultWindow(fault=0, on_s=START_S, off_s=END_S)]
    twins = [FabricatedTwin(plan=plan, probes=probes, fault_windows=window) for plan in PAIR]
    return a_run(a_scenario(faults=(fault,)), *twins)


def as_planned(fault: Fault) -> FabricatedRun:
    hit = looks(START_S, END_S, **HITS[fault])
    return a_run_with(fault, [*looks(0, START_S), *hit, *looks(END_S, LOAD_S)])


@pytest.mark.parametrize("fault", HITS, ids=lambda fault: fault.kind)
def test_a_link_to_what_is_broken_may_be_reset_but_must_not_be_refused(fault: Fault) -> None:
    for error, names in (("reset", set()), ("refused", {"links as planned"})):
        run = as_planned(fault)
        quiet = [*probes(0, START_S, link=EDGE), *probes(END_S, LOAD_S, link=EDGE)]
        run.twins[0].probes = [*run.twins[0].probes, *quiet, *probes(START_S, END_S, link=EDGE, error=error)]
        assert failed(run) == names


def test_a_lock_in_a_database_resets_no_link() -> None:
    """Toxiproxy resets what it cannot pass on, and a database with a lock takes every connection."""
    run = a_run_with(RowLock(table="wallets"), [*probes(0, START_S), *probes(START_S, LOAD_S, error="reset")])
    assert "links as planned" in failed(run)


def changed(run: FabricatedRun, change: Callable[[Event], Event]) -> FabricatedRun:
    for twin in run.twins:
        twin.events = [
            change(event) if isinstance(event, Switched | Performed) else event for event in twin.events
        ]
    return run


def failed(run: FabricatedRun) -> set[str]:
    return {gate.name for gate in look(run) if not gate.passed}


@pytest.mark.parametrize("fault", HITS, ids=lambda fault: fault.kind)
def test_what_was_observed_and_healed_is_valid(fault: Fault) -> None:
    assert failed(as_planned(fault)) == set()


@pytest.mark.parametrize("fault", HITS, ids=lambda fault: fault.kind)
def test_what_was_never_there_is_invalid(fault: Fault) -> None:
    assert failed(a_run_with(fault, looks(0, LOAD_S))) == {"fault observed"}


@pytest.mark.parametrize("fault", HITS, ids=lambda fault: fault.kind)
def test_what_did_not_go_away_is_invalid(fault: Fault) -> None:
    stayed = [*looks(0, START_S), *looks(START_S, LOAD_S, **HITS[fault])]
    assert failed(a_run_with(fault, stayed)) == {"healing observed"}


@pytest.mark.parametrize("fault", HITS, ids=lambda fault: fault.kind)
def test_a_part_at_which_nobody_looked_proves_nothing(fault: Fault) -> None:
    assert failed(a_run_with(fault, [])) == {"fault observed", "healing observed"}


@pytest.mark.parametrize(
    "fault", [fault for fault in HITS if isinstance(fault, StateFault)], ids=lambda f: f.kind
)
def test_a_part_that_is_not_as_asked_is_invalid(fault: Fault) -> None:
    def untouched(event: Event) -> Event:
        return replace(event, echo=PartState()) if isinstance(event, Switched) and event.on else event

    assert failed(changed(as_planned(fault), untouched)) == {"fault as asked"}


def test_a_kill_that_hit_nobody_is_invalid() -> None:
    def missed(event: Event) -> Event:
        return replace(event, hits=0) if isinstance(event, Performed) else event

    assert failed(changed(as_planned(Kill(part=SERVICE)), missed)) == {"fault as asked"}


def test_a_kill_that_nobody_healed_is_invalid() -> None:
    """The healing is planned as the kill is, and missed when it is not made."""
    run = as_planned(Kill(part=SERVICE))
    for twin in run.twins:
        twin.events = [event for event in twin.events if not isinstance(event, Switched)]
    assert failed(run) == {"fault as asked"}


@pytest.mark.parametrize("fault", HITS, ids=lambda fault: fault.kind)
def test_a_part_may_take_its_time_but_must_be_asked_on_time(fault: Fault) -> None:
    def slow(event: Event) -> Event:
        assert isinstance(event, Switched | Performed)
        return replace(event, after_s=event.after_s + 2)

    def late(event: Event) -> Event:
        assert isinstance(event, Switched | Performed)
        return replace(event, before_s=event.before_s + 0.12, after_s=event.after_s + 0.12)

    assert failed(changed(as_planned(fault), slow)) == set()
    assert failed(changed(as_planned(fault), late)) == {"faults on time"}
