"""How held sessions are told from what the server says of each: its last text."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lab.faults import ConnectionHog, RowLock, TableLock
from lab.model import HeldSession, Stack
from lab.runtime.stores.sessions import in_order, statements, text

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
    short, long = (Stack(run=run, workload="booking", twins=()).mark for run in ("r" * 20, "r" * 90))
    assert short == f"failure-lab-{'r' * 20}"
    assert len(long.encode()) == 63
