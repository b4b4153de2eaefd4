"""The faults of the database on a real PostgreSQL: they hold what they should, clients notice, and then it is over."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from lab.faults import ConnectionHog, DropSessions, RowLock, TableLock
from lab.faults.stores.held import HeldFault
from lab.model import STORE, HeldSession, LabError, Seen, SessionsSample, StateFault, StoreState, session_mark
from lab.runtime.ownership.ledger import read
from lab.runtime.ownership.undoing import UNDOERS
from lab.runtime.stores.sessions import DatabaseActuator
from loadtests.probes.sessions import SessionsProbe
from tests.forged import forged_ledger
from tests.roles import as_service, owner_of

pytestmark = [pytest.mark.alone, pytest.mark.timeout(60)]

MARK = session_mark("test")
SEEN_S = 20.0
ROWS = RowLock(table="wallets", first=2, rows=2)
TABLE = TableLock(table="wallets")


@dataclass(frozen=True, kw_only=True)
class Sessions(Seen):
    samples: Sequence[SessionsSample]


@pytest.fixture(scope="module")
def owner(server: int) -> str:
    """The owner's URL of a database with three wallets, which the service may use."""
    with psycopg.connect(owner_of(server), autocommit=True) as connection:
        connection.execute("CREATE DATABASE stores")
    dsn = owner_of(server, "stores")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE wallets (id integer PRIMARY KEY, balance_cents integer NOT NULL)")
        connection.execute("INSERT INTO wallets SELECT n, 100 FROM generate_series(1, 3) n")
        connection.execute("GRANT SELECT, UPDATE ON wallets TO app")
    return dsn


@pytest.fixture
def database(owner: str) -> Iterator[DatabaseActuator]:
    database = DatabaseActuator(owner, MARK)
    try:
        yield database
        assert database.set(StoreState()) == StoreState()
    finally:
        database.close()


def a_client(owner: str) -> psycopg.Connection:
    """A session of the service."""
    return psycopg.connect(as_service(owner), autocommit=True)


def started(owner: str, query: str) -> Future[None]:
    """`query` by a client of its own, in the background."""

    def ask() -> None:
        with a_client(owner) as client:
            client.execute(query)

    thread = ThreadPoolExecutor(1)
    try:
        return thread.submit(ask)
    finally:
        thread.shutdown(wait=False)


def becomes_true(claim: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + SEEN_S
    while not claim():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def looks(owner: str, count: int = 4) -> Sessions:
    """What the run's own probe sees now."""

    async def all_looks() -> list[SessionsSample]:
        probe = SessionsProbe({"target": str(STORE), "dsn": owner, "mark": MARK, "timeout_s": SEEN_S})
        try:
            found = []
            for _ in range(count):
                look = await probe.look(t0=0.0)
                assert look.pop("type") == "SessionsSample"
                found.append(SessionsSample(**look))
                await asyncio.sleep(0.02)
            return found
        finally:
            await probe.close()

    return Sessions(samples=asyncio.run(all_looks()))


def somebody_waits(owner: str) -> bool:
    return any(look.waiting for look in looks(owner, 1).samples)


def test_a_locked_row_makes_a_client_wait_and_another_row_does_not(
    owner: str, database: DatabaseActuator
) -> None:
    before = looks(owner)
    assert database.set(ROWS.state()) == ROWS.state()
    waiting = started(owner, "UPDATE wallets SET balance_cents = 1 WHERE id = 3")
    with a_client(owner) as client:
        client.execute("UPDATE wallets SET balance_cents = 1 WHERE id = 1")
    assert becomes_true(lambda: somebody_waits(owner))
    during = looks(owner)
    assert not waiting.done()
    assert database.get() == ROWS.state()

    assert database.set(StoreState()) == StoreState()
    waiting.result(SEEN_S)
    proved(ROWS, before, during, looks(owner))


def test_a_migration_behind_an_open_read_makes_every_later_read_wait(
    owner: str, database: DatabaseActuator
) -> None:
    before = looks(owner)
    assert database.set(TABLE.state()) == TABLE.state()
    waiting = started(owner, "SELECT * FROM wallets")
    assert becomes_true(lambda: somebody_waits(owner))
    during = looks(owner)
    assert not waiting.done()
    assert database.get() == TABLE.state()

    assert database.set(StoreState()) == StoreState()
    waiting.result(SEEN_S)
    proved(TABLE, before, during, looks(owner))


def test_the_open_read_alone_holds_up_nobody(owner: str, database: DatabaseActuator) -> None:
    read, _migration = TABLE.state().held
    assert database.set(StoreState(held=(read,))) == StoreState(held=(read,))
    started(owner, "SELECT * FROM wallets").result(SEEN_S)


def test_a_client_is_refused_when_all_connections_are_used_up_and_let_in_again(
    owner: str, database: DatabaseActuator
) -> None:
    before = looks(owner)
    (free,) = {look.free for look in before.samples}
    assert free is not None
    hog = ConnectionHog(sessions=free)
    assert database.set(hog.state()) == hog.state()
    with pytest.raises(psycopg.OperationalError, match=r"remaining connection slots|too many clients"):
        a_client(owner)
    during = looks(owner)  # the owner still gets in
    assert {look.free for look in during.samples} == {0}

    assert database.set(StoreState()) == StoreState()
    a_client(owner).close()
    proved(hog, before, during, looks(owner))


def test_more_sessions_than_the_database_takes_are_an_error_and_leave_none(
    owner: str, database: DatabaseActuator
) -> None:
    with pytest.raises(LabError, match="too many clients"):
        database.set(ConnectionHog(sessions=300).state())
    assert database.set(StoreState()) == StoreState()
    assert {look.held for look in looks(owner).samples} == {0}


def test_every_session_of_the_service_is_ended_and_counted(owner: str, database: DatabaseActuator) -> None:
    clients = [a_client(owner) for _ in range(3)]
    time.sleep(1.1)  # a session that a service means to keep
    before = looks(owner)
    fault = DropSessions()
    assert not fault.observed(before, looks(owner)).proved
    assert database.perform(fault.action()) == 3
    for client in clients:
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
        client.close()
    with a_client(owner):
        after = looks(owner)
        proof = fault.observed(before, after)
        assert proof.proved, proof
        assert fault.healed(before, after, after).proved


def test_a_look_counts_the_sessions_that_ended_since_the_last(owner: str) -> None:
    async def ended() -> list[int]:
        probe = SessionsProbe({"target": str(STORE), "dsn": owner, "mark": MARK, "timeout_s": SEEN_S})
        try:
            with a_client(owner):
                counts = [await counted(probe)]
            assert becomes_true(lambda: not clients_of(owner))
            return [*counts, await counted(probe), await counted(probe)]
        finally:
            await probe.close()

    async def counted(probe: SessionsProbe) -> int:
        return int((await probe.look(0.0))["ended"])

    assert becomes_true(lambda: not clients_of(owner))
    assert asyncio.run(ended()) == [0, 1, 0]


def clients_of(owner: str) -> int:
    """How many sessions the service has: one that was closed takes the server a moment."""
    query = "SELECT FROM pg_stat_activity WHERE usename = 'app' AND datname = current_database()"
    with psycopg.connect(owner) as connection:
        return len(connection.execute(query).fetchall())


def test_a_look_that_is_not_answered_gives_up_in_time_and_the_next_one_connects_anew(owner: str) -> None:
    async def looked() -> tuple[dict[str, object], float, dict[str, object]]:
        config = {"target": str(STORE), "dsn": owner, "mark": MARK, "timeout_s": SEEN_S}
        probe = SessionsProbe(config)
        try:
            await probe.look(0.0)
            assert probe._connection is not None
            pid = probe._connection.info.backend_pid
            os.kill(pid, signal.SIGSTOP)
            try:
                config["timeout_s"] = probe._connection.timeout_s = 0.3
                began = time.monotonic()
                silent, queued = await asyncio.gather(probe.look(0.0), probe.look(0.0))
                took_s = time.monotonic() - began
            finally:
                os.kill(pid, signal.SIGCONT)
                config["timeout_s"] = SEEN_S
            assert "timeout" in {silent["error"], queued["error"]}
            return silent, took_s, await probe.look(0.0)
        finally:
            await probe.close()

    silent, took_s, after = asyncio.run(looked())
    assert (
        SessionsSample(**{name: value for name, value in silent.items() if name != "type"}).error == "timeout"
    )
    assert took_s < SEEN_S
    assert after["error"] == ""


def test_a_look_at_a_server_that_is_not_there_says_so() -> None:
    probe = SessionsProbe(
        {"target": str(STORE), "dsn": "postgresql://lab@127.0.0.1:1/lab", "mark": MARK, "timeout_s": SEEN_S}
    )
    assert asyncio.run(probe.look(0.0))["error"] == "refused"


def test_a_look_counts_deadlocks(owner: str) -> None:
    first, second = (f"UPDATE wallets SET balance_cents = 1 WHERE id = {wallet}" for wallet in (1, 2))
    before = looks(owner, 1).samples[0].deadlocks
    assert before is not None
    with (
        psycopg.connect(owner, autocommit=True) as one,
        psycopg.connect(owner, autocommit=True) as two,
        ThreadPoolExecutor(1) as thread,
    ):
        for client, mine in ((one, first), (two, second)):
            client.execute(f"SET deadlock_timeout = '50ms'; BEGIN; {mine}")
        waiting = thread.submit(one.execute, second)
        with suppress(psycopg.errors.DeadlockDetected):
            two.execute(first)
        two.execute("ROLLBACK")
        with suppress(psycopg.errors.DeadlockDetected):
            waiting.result()
        one.execute("ROLLBACK")
    assert becomes_true(lambda: looks(owner, 1).samples[0].deadlocks == before + 1)


def test_of_two_faults_each_goes_alone(owner: str, database: DatabaseActuator) -> None:
    both = ROWS.state().plus(TABLE.state())
    assert database.set(both) == both
    assert database.set(TABLE.state()) == TABLE.state()
    assert len(pids_of(owner)) == 2


def test_what_is_held_already_is_left_alone_when_more_is_asked_for(
    owner: str, database: DatabaseActuator
) -> None:
    database.set(ROWS.state())
    kept = pids_of(owner)
    more = ROWS.state().plus(ConnectionHog(sessions=3).state())
    assert database.set(more) == more
    assert kept < pids_of(owner)
    assert database.set(ROWS.state()) == ROWS.state()
    assert pids_of(owner) == kept


def pids_of(owner: str) -> set[int]:
    with psycopg.connect(owner) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [MARK])
        return {pid for (pid,) in rows}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (RowLock(table="wallets", first=100), "no row to lock"),
        (RowLock(table="nowhere"), "does not exist"),
        (RowLock(table="wallets", key_column="nothing"), "does not exist"),
        (TableLock(table="nowhere"), "does not exist"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_lock_on_what_is_not_there_is_an_error(
    database: DatabaseActuator, fault: HeldFault, why: str
) -> None:
    with pytest.raises(LabError, match=why):
        database.set(fault.state())


def test_a_lock_that_waits_for_the_service_is_not_in_place(owner: str, database: DatabaseActuator) -> None:
    """Only a session that waits behind the lab's own is in place."""
    with a_client(owner) as client:
        client.execute("BEGIN; UPDATE wallets SET balance_cents = 5 WHERE id = 2")
        asking = threading.Timer(0.3, client.execute, ["COMMIT"])
        began = time.monotonic()
        asking.start()
        assert database.set(ROWS.state()) == ROWS.state()
        assert time.monotonic() - began > 0.2
        asking.join()


def test_a_session_that_somebody_else_ended_is_missed(owner: str, database: DatabaseActuator) -> None:
    database.set(ROWS.state())
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [MARK]
        )
    assert becomes_true(lambda: database.get() == StoreState())


def test_a_server_that_is_silent_is_an_error_in_time(owner: str, database: DatabaseActuator) -> None:
    database.get()
    assert database._own is not None
    pid = database._own.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(LabError, match="did not answer within 5 s"):
            database.get()
        assert time.monotonic() - began < SEEN_S
    finally:
        os.kill(pid, signal.SIGCONT)
    assert database.get() == StoreState()


LOCKER = """
import sys, time
from lab.faults import TableLock
from lab.runtime.stores.sessions import DatabaseActuator
state = TableLock(table="wallets").state()
database = DatabaseActuator(*sys.argv[1:])
assert database.set(state) == state
print("locked", flush=True)
time.sleep(60)
"""


def test_a_lab_that_is_killed_lets_go_of_its_locks(owner: str) -> None:
    """The system closes its connections; the server sees that, and the queue goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, owner, MARK],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as lab:
        assert lab.stdout
        assert lab.stdout.readline() == "locked\n"
        waiting = started(owner, "SELECT * FROM wallets")
        assert becomes_true(lambda: somebody_waits(owner))
        lab.kill()
    waiting.result(SEEN_S)
    assert becomes_true(lambda: not pids_of(owner))


def test_what_is_on_disk_is_enough_to_heal(owner: str, tmp_path: Path) -> None:
    """`lab heal` has the undo of the ledger, and nothing else."""
    broken, run = DatabaseActuator(owner, MARK), read(forged_ledger(tmp_path, "test"))
    (undo,) = broken.undo()
    try:
        broken.set(TABLE.state())
        waiting = started(owner, "SELECT * FROM wallets")
        told = list(UNDOERS[undo.how](undo.details, run))
        waiting.result(SEEN_S)
    finally:
        broken.close()
    assert told == ["healed the database: ended 2 sessions of the lab's"]
    assert list(UNDOERS[undo.how](undo.details, run)) == []


def proved(fault: StateFault, before: Seen, during: Seen, after: Seen) -> None:
    """Observed and healed on these samples; neither without them."""
    observed, healed = fault.observed(before, during), fault.healed(before, during, after)
    assert observed.proved, observed
    assert healed.proved, healed
    assert not fault.observed(before, after).proved
    assert not fault.healed(before, during, during).proved


def test_an_idle_session_is_told_from_one_that_holds_a_lock(owner: str, database: DatabaseActuator) -> None:
    state = StoreState(held=(HeldSession(statements=("SELECT 1",)), HeldSession(statements=(), count=2)))
    assert database.set(state) == state
