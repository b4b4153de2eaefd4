"""What every runtime must do with the database of a twin that stands: hold it, let it go, end the service's sessions.

A subclass brings two fixtures: `testbed`, which stands, and `state_dir`, where its ledger is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lab.faults import ConnectionHog, DropSessions, RowLock, TableLock
from lab.model import DATABASE, STORE, Capability
from lab.runtime.ownership.ledger import holdings
from lab.runtime.ownership.undoing import UNDOERS
from tests.fabricated.evidence import HARDENED, NAIVE
from tests.standing import SECRETS

PATIENCE = "SET lock_timeout = '200ms'"
HELD = [TableLock(table="bookings"), RowLock(table="bookings", rows=5), ConnectionHog(sessions=20)]
UPDATE = "UPDATE bookings SET status = status WHERE id = 3"


def a_client(testbed: Any, twin: str) -> psycopg.Connection:
    """As the service connects: through the proxy of its link."""
    client = psycopg.connect(
        f"postgresql://app:{SECRETS.app}@{testbed.targets(twin)[DATABASE]}/lab",
        autocommit=True,
        connect_timeout=5,
    )
    client.execute(PATIENCE)
    return client


class StoresSuite:
    def test_sessions_of_the_database_are_offered(self, testbed: Any) -> None:
        assert testbed.offers()[Capability.SESSIONS] == ""

    @pytest.mark.parametrize("fault", HELD, ids=lambda fault: fault.kind)
    def test_what_is_held_in_one_twin_is_read_back_and_let_go(self, testbed: Any, fault: Any) -> None:
        database, other = (testbed.actuator(twin, STORE) for twin in (NAIVE, HARDENED))
        try:
            assert database.set(fault.state()) == fault.state() == database.get()
            assert other.get() == other.healthy
        finally:
            assert database.set(database.healthy) == database.healthy == database.get()

    @pytest.mark.parametrize("fault", HELD[:2], ids=lambda fault: fault.kind)
    def test_a_lock_stops_who_comes_through_the_link_of_that_twin_only(
        self, testbed: Any, fault: Any
    ) -> None:
        database = testbed.actuator(NAIVE, STORE)
        with a_client(testbed, NAIVE) as client, a_client(testbed, HARDENED) as neighbour:
            client.execute(UPDATE)
            database.set(fault.state())
            try:
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    client.execute(UPDATE)
                neighbour.execute(UPDATE)
            finally:
                database.set(database.healthy)
            client.execute(UPDATE)

    def test_the_sessions_of_one_service_are_ended_and_counted(self, testbed: Any) -> None:
        action = DropSessions().action()
        with a_client(testbed, NAIVE) as client, a_client(testbed, HARDENED) as neighbour:
            assert testbed.performer(NAIVE, STORE).perform(action) >= 1
            with pytest.raises(psycopg.OperationalError):
                client.execute("SELECT 1")
            neighbour.execute("SELECT 1")

    def test_how_to_let_go_is_on_disk(self, testbed: Any, state_dir: Path) -> None:
        database = testbed.actuator(NAIVE, STORE)
        (undo,) = database.undo()
        (run,) = [run for run in holdings(state_dir) if undo in run.undos]
        database.set(HELD[0].state())
        assert list(UNDOERS[undo.how](undo.details, run)) == [
            "healed the database: ended 2 sessions of the lab's"
        ]
        assert database.get() == database.healthy
        assert database.set(database.healthy) == database.healthy
