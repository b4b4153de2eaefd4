"""Sessions of a database: how held ones are told from the last text of each, and who looks at them all."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lab.faults import ConnectionHog, DropSessions, RowLock, Surge, TableLock
from lab.faults.stores.held import LOOK_EVERY_S
from lab.model import DATABASE, PAYMENTS, SERVICE, HeldSession
from lab.plan.programs import observe
from lab.plan.runs import RunPlan
from lab.runtime.stores.sessions import in_order, statements, text
from lab.workload.booking import BOOKING
from loadtests.probes import look_of
from tests.fabricated.evidence import PHASES, a_scenario
from tests.standing import a_stack

ROW, HOG = RowLock(table="wallets").state().held[0], ConnectionHog(sessions=3).state().held[0]
READ, MIGRATION = TableLock(table="bookings").state().held


def test_what_a_session_sends_is_read_back_as_its_statements() -> None:
    for session in (ROW, READ, MIGRATION):
        assert statements(text(session.statements)) == session.statements
    assert statements("") == HOG.statements == ()


def test_the_longest_text_is_shown_whole() -> None:
    longest = RowLock(table="t" * 63, key_column="k" * 63, first=2**31 - 1, rows=10_000).state().held[0]
    assert len(text(longest.statements)) < 1_024  # track_activity_query_size


@given(st.lists(st.sampled_from([ROW, HOG, READ, MIGRATION]), max_size=6))
def test_all_that_was_asked_for_and_found_is_read_back_in_the_order_asked(asked: list[HeldSession]) -> None:
    found: Counter[tuple[str, ...]] = Counter()
    for session in asked:
        found[session.statements] += session.count
    assert list(in_order(asked, found)) == asked


def test_what_is_missing_and_what_nobody_asked_for_show() -> None:
    found = Counter({HOG.statements: 2, ROW.statements: 1})
    assert list(in_order([HOG, READ], found)) == [HeldSession(statements=(), count=2), ROW]
    assert list(in_order([HOG], Counter({(): 4}))) == [HOG, HeldSession(statements=())]


def test_the_mark_of_a_run_is_never_longer_than_the_server_keeps() -> None:
    short, long = (a_stack(run).mark for run in ("r" * 20, "r" * 90))
    assert short == f"failure-lab-{'r' * 20}"
    assert len(long.encode()) == 63


def test_all_faults_of_the_database_share_one_look_and_a_surge_has_none() -> None:
    faults = (TableLock(table="bookings"), DropSessions(), Surge(times=3))
    plan = RunPlan(
        stack=a_stack("r"), scenario=a_scenario(faults=faults), workload=BOOKING, phases=PHASES, seed=1
    )
    addresses = {
        DATABASE: "127.0.0.1:1",
        PAYMENTS: "127.0.0.1:4",
        f"{SERVICE}/1": "127.0.0.1:2",
        "probe_database": "probe/lab",
    }
    probes = observe("naive", plan, {**addresses, "direct_dsn": "postgresql://lab@127.0.0.1:3/lab"})["probes"]
    # links are looked at in any case
    assert [probe["protocol"] for probe in probes] == ["sessions", "postgres", "http"]
    assert probes[0] == {
        "target": "store/database", "interval_s": LOOK_EVERY_S, "timeout_s": 1.0, "protocol": "sessions",
        "dsn": "postgresql://lab@127.0.0.1:3/lab", "mark": "failure-lab-r",
    }  # fmt: skip


def test_a_look_is_found_by_its_protocol() -> None:
    config = {
        "target": "store/database",
        "dsn": "postgresql://lab@127.0.0.1:1/lab",
        "mark": "m",
        "timeout_s": 20.0,
    }
    sample = asyncio.run(look_of({**config, "protocol": "sessions"})(0.0))
    assert (sample["type"], sample["error"]) == ("SessionsSample", "refused")
