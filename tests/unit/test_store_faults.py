"""The faults of the database: what they ask for, what they refuse, and that a look shows them only where they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.faults import ConnectionHog, DropSessions, RowLock, TableLock
from lab.faults.stores.held import HeldFault
from lab.judge.gates.proofs import fault_proof, healed_proof
from lab.model import (
    STORE,
    Burst,
    EndSessions,
    FaultWindow,
    HeldSession,
    LabError,
    Seen,
    SessionsSample,
    StateFault,
    StoreState,
)
from tests.fabricated.evidence import FabricatedTwin, a_scenario

ROW = RowLock(table="wallets", rows=4)
TABLE = TableLock(table="bookings")
HOG = ConnectionHog(sessions=150)
DROP = DropSessions()


def look(start_s: float = 0.0, **changes: Any) -> SessionsSample:
    """Of a database whose service has ten sessions since the second before T0."""
    calm = {"service": 10, "held": 0, "waiting": 0, "oldest_s": start_s + 1, "free": 185}
    return SessionsSample(**{"target": str(STORE), "start_s": start_s, **calm, **changes})


def looks(start_s: float, end_s: float, **changes: Any) -> list[SessionsSample]:
    """Five a second."""
    return [look(start_s + n / 5, **changes) for n in range(round(5 * (end_s - start_s)))]


def seen(*samples: SessionsSample) -> Seen:
    return Seen(samples=samples)


CALM = looks(3, 9)
AFTER = looks(20, 29)
SILENT = looks(9, 19, error="timeout", service=0)


@pytest.mark.parametrize(
    ("fault", "held"),
    [
        (ROW, [(('SELECT "id" FROM "wallets" WHERE "id" BETWEEN 1 AND 4 ORDER BY "id" FOR UPDATE',), 1)]),
        (
            RowLock(table="audit", key_column="version", first=7),
            [
                (
                    (
                        'SELECT "version" FROM "audit" WHERE "version" BETWEEN 7 AND 7 ORDER BY "version" FOR UPDATE',
                    ),
                    1,
                )
            ],
        ),
        (
            TABLE,
            [
                (('SELECT EXISTS (SELECT FROM "bookings")',), 1),
                (('LOCK TABLE "bookings" IN ACCESS EXCLUSIVE MODE',), 1),
            ],
        ),
        (HOG, [((), 150)]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_fault_holds_exactly_these_sessions(
    fault: StateFault, held: list[tuple[tuple[str, ...], int]]
) -> None:
    sessions = tuple(HeldSession(statements=statements, count=count) for statements, count in held)
    assert fault.state() == StoreState(held=sessions)
    assert fault.target() == STORE


def test_to_end_the_sessions_is_an_action() -> None:
    assert DROP.action() == EndSessions()
    assert DROP.target() == STORE


@pytest.mark.parametrize(
    ("fault", "parameter"),
    [
        (RowLock(table='wallets"; DROP TABLE users; --'), "table"),
        (RowLock(table="wallets", key_column="id OR true"), "key_column"),
        (RowLock(table="wallets", rows=0), "rows"),
        (RowLock(table="wallets", first=-1), "first"),
        (RowLock(table="wallets", during=(0.5, 0.5)), "during"),
        (TableLock(table="Bookings"), "table"),
        (TableLock(table=""), "table"),
        (TableLock(table="b" * 64), "table"),
        (TableLock(table="bookings", burst=Burst(on_s=0, off_s=1)), "burst"),
        (ConnectionHog(sessions=0), "sessions"),
        (ConnectionHog(sessions=1_001), "sessions"),
    ],
)
def test_a_parameter_out_of_range_is_named(fault: StateFault, parameter: str) -> None:
    with pytest.raises(LabError, match=parameter):
        fault.target() and fault.state()


@pytest.mark.parametrize("times", [0, 101])
def test_sessions_are_ended_a_sensible_number_of_times(times: int) -> None:
    with pytest.raises(LabError, match="times"):
        DropSessions(times=times).action()


OBSERVED = [
    (ROW, looks(9, 19, held=1, waiting=3, longest_wait_s=2.0)),
    (ROW, looks(9, 19, held=1)),  # a service may skip what is locked
    (TABLE, looks(9, 19, held=2, waiting=3, longest_wait_s=2.0)),
    (HOG, looks(9, 19, held=150, free=35)),
]


@pytest.mark.parametrize(("fault", "during"), OBSERVED, ids=lambda value: getattr(value, "kind", ""))
def test_what_is_held_is_observed_and_only_then(fault: HeldFault, during: list[SessionsSample]) -> None:
    held = during[0].held
    proof = fault.observed(seen(*CALM), seen(*during))
    assert proof.proved, proof
    assert not fault.observed(seen(*CALM), seen(*CALM)).proved
    assert not fault.observed(seen(*during), seen(*during)).proved  # held by whom, before the fault?
    assert not fault.observed(
        seen(*CALM), seen(*(replace(sample, held=held - 1) for sample in during))
    ).proved
    assert not fault.observed(seen(*CALM), seen(*CALM[:10], *during)).proved  # not all the time
    assert not fault.observed(seen(*CALM), seen(*SILENT)).proved
    assert not fault.observed(seen(*CALM[:2]), seen(*during)).proved
    assert not fault.observed(seen(*CALM), seen(*during[:2])).proved


def test_a_migration_for_which_nobody_waits_was_not_behind_anything() -> None:
    assert not TABLE.observed(seen(*CALM), seen(*looks(9, 19, held=2))).proved


def test_the_bite_is_told_with_its_numbers() -> None:
    locked = looks(9, 19, held=2, waiting=3, longest_wait_s=2.04)
    assert "up to 3 sessions of the service waited for a lock, the longest for 2.0 s" in (
        TABLE.observed(seen(*CALM), seen(*locked)).sentence
    )
    full = looks(9, 19, held=150, free=35)
    assert "35 connections were left for others" in HOG.observed(seen(*CALM), seen(*full)).sentence


@pytest.mark.parametrize(("fault", "during"), [*OBSERVED, (DROP, looks(9, 19, oldest_s=0.1))])
def test_a_database_is_healed_when_nothing_is_held_and_the_service_is_back(
    fault: StateFault, during: list[SessionsSample]
) -> None:
    def healed(*after: SessionsSample) -> bool:
        return fault.healed(seen(*CALM), seen(*during), seen(*after)).proved

    assert healed(*AFTER)
    assert not healed(*AFTER, look(29.2, held=1))
    assert not healed(*looks(20, 29, service=0))
    assert not healed(*AFTER, *looks(29, 32, error="closed", service=0))
    assert not healed(*AFTER[:2])
    assert not healed()


def test_ended_sessions_are_observed_by_the_age_of_those_that_are_there() -> None:
    since = [look(s.start_s, oldest_s=s.start_s - 9.02) for s in looks(9.1, 19)]
    assert DROP.observed(seen(*CALM), seen(*since)).proved
    assert DROP.observed(seen(*CALM), seen(*(replace(s, service=0, oldest_s=0) for s in since))).proved
    assert not DROP.observed(seen(*CALM), seen(*looks(9.1, 19))).proved
    assert not DROP.observed(seen(*CALM), seen(*since, look(18, oldest_s=18))).proved  # one survived
    assert not DROP.observed(seen(*CALM), seen(*SILENT)).proved


def test_a_service_that_keeps_no_session_has_none_to_end() -> None:
    brief = looks(3, 9, oldest_s=0.2)
    since = looks(9.1, 19, oldest_s=0.05)
    assert not DROP.observed(seen(*brief), seen(*since)).proved


def test_the_number_of_a_proof_that_failed_is_the_one_that_failed() -> None:
    """None held, none allowed, and yet not healed."""
    gone = HOG.healed(seen(*CALM), seen(*CALM), seen(*looks(20, 29, service=0)))
    assert (gone.value, gone.limit, gone.unit) == (0, 1, "sessions of the service")
    deaf = HOG.healed(seen(*CALM), seen(*CALM), seen(*AFTER, *SILENT[:9]))
    assert (deaf.proved, deaf.unit) == (False, "share")
    alone = TABLE.observed(seen(*CALM), seen(*looks(9, 19, held=2)))
    assert (alone.value, alone.limit, alone.unit) == (0, 1, "sessions waiting")
    brief = DROP.observed(seen(*looks(3, 9, oldest_s=0.2)), seen(*looks(9.1, 19, oldest_s=0.05)))
    assert (brief.value, brief.limit, brief.unit) == (0.2, 1.0, "s")


def test_where_the_sessions_were_hardly_looked_at_the_phase_is_to_be_lengthened() -> None:
    assert "--set phases.baseline_s=N" in ROW.observed(seen(*CALM[:2]), seen(*looks(9, 19, held=1))).step
    assert "--set phases.fault_s=N" in ROW.observed(seen(*CALM), seen(*looks(9, 9.4, held=1))).step
    assert "--set phases.recovery_s=N" in ROW.healed(seen(*CALM), seen(), seen(*AFTER[:2])).step


def test_the_looks_in_the_windows_speak_for_the_fault() -> None:
    twin = FabricatedTwin(
        scenario=a_scenario(faults=(TABLE,)),
        fault_windows=[FaultWindow(fault=0, on_s=9, off_s=19)],
        probes=[*CALM, *OBSERVED[2][1], *looks(19.2, 20, held=2), *looks(20.2, 29)],
    )
    assert fault_proof(0, twin).proved
    assert healed_proof(TABLE, twin).proved
    still = replace(twin, probes=[*CALM, *looks(9, 29, held=2, waiting=1)])
    assert fault_proof(0, still).proved
    assert not healed_proof(TABLE, still).proved


def test_a_description_tells_what_is_held_and_when() -> None:
    assert ROW.describe() == "4 rows of the table wallets locked by a transaction that does not end"
    assert RowLock(table="wallets").describe().startswith("a row of the table wallets")
    assert TABLE.describe() == "a migration of the table bookings that waits behind an open read"
    assert "1 s on" in replace(TABLE, burst=Burst(on_s=1, off_s=2)).describe()
    assert HOG.describe() == "150 idle sessions of another client in the database"
    assert DropSessions(times=3).describe() == "every session of the service ended by the database, 3 times"
