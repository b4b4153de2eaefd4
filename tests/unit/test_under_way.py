"""A charge whose booking may still be confirmed or undone is no finding yet; one that nobody will ever settle is."""

from __future__ import annotations

from typing import Any

import pytest

from lab.checks.invariants import ChargesMatch, CleanEndState, ExactlyOnce, RefusedMeansRefused
from lab.model import CheckResult, Operation, Outcome, Verdict
from tests.fabricated.evidence import FabricatedTwin
from tests.fabricated.history import booking, booking_row, charge_row, ended, operation

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE
# The stores are read at 08:01:00.
OLD, YOUNG = "2026-11-21T08:00:49+00:00", "2026-11-21T08:00:51+00:00"
NO_ANSWER = [booking("late", Outcome.UNKNOWN)]
ENDED = "2030-01-0{}T10:00:00+00:00"


def beside(history: list[Operation], *, charges: int = 1, **row: Any) -> FabricatedTwin:
    """Six bookings that match their charges, and one `late` of which `row` and so many charges are there."""
    hours = [
        (n, {"starts_at": ENDED.format(n), "ends_at": f"2030-01-0{n}T11:00:00+00:00"}) for n in range(1, 7)
    ]
    rows = [booking_row(n + 1, f"r{n}", charge_id=f"ch_{n}", **hour) for n, hour in hours]
    paid = [charge_row(n, f"r{n}") for n, _ in hours]
    reference = row.pop("reference", "late")
    late = booking_row(9, reference, **{"charge_id": None, "room_id": 9, "created_at": YOUNG, **row})
    kept = [charge_row(9 + n, "late") for n in range(charges)]
    told = [booking(f"r{n}", answered={"id": n + 1}, **hour)._replace(i=n) for n, hour in hours]
    return FabricatedTwin(
        history=[*told, *history], final=ended(bookings=[*rows, late], charges=[*paid, *kept])
    )


def matched(twin: FabricatedTwin) -> CheckResult:
    return ChargesMatch().judge(twin)


def test_a_charge_whose_booking_may_still_be_confirmed_or_undone_is_no_mismatch() -> None:
    found = matched(beside(NO_ANSWER, status="pending"))
    assert (found.verdict, found.value) == (HELD, 0)
    assert found.sentence == (
        "No mismatches among 7 charges (1 of them still under way) and 6 confirmed bookings."
    )


@pytest.mark.parametrize(
    "twin",
    [
        beside(NO_ANSWER, status="pending", created_at=OLD),
        beside([booking("late")], status="pending"),
        beside([*NO_ANSWER, booking("late")], status="pending"),
        beside(NO_ANSWER, status="cancelled", created_at=OLD),
        beside(NO_ANSWER, status="pending", reference="other"),
        beside(NO_ANSWER, status="pending", charges=2),
    ],
    ids=["too old", "acknowledged", "acknowledged at last", "never paid back", "of another", "charged twice"],
)
def test_a_charge_that_nobody_will_settle_is_a_mismatch(twin: FabricatedTwin) -> None:
    found = matched(twin)
    assert (found.verdict, found.value) == (BROKEN, 1)
    assert "2000 cents kept, but no confirmed booking" in found.examples[0]


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REFUSED])
def test_the_refund_of_a_booking_that_was_given_up_may_come_a_little_later(outcome: Outcome) -> None:
    """The client is told that it was undone; the sweeper pays back within seconds."""
    for created_at, verdict in ((YOUNG, HELD), (OLD, HELD if outcome is Outcome.UNKNOWN else BROKEN)):
        twin = beside([booking("late", outcome)], status="cancelled", created_at=created_at)
        assert ExactlyOnce().judge(twin).verdict is verdict
        assert RefusedMeansRefused().judge(twin).verdict is verdict
    assert matched(beside([booking("late", outcome)], status="cancelled")).verdict is HELD


def test_so_may_that_of_a_booking_that_its_client_has_cancelled() -> None:
    booked = booking("late", answered={"id": 9})._replace(i=20)
    cancelled = operation("cancel_booking", {"path": "/bookings/9/"}, i=21)._replace(reads=20, status=204)
    for created_at, verdict in ((YOUNG, HELD), (OLD, BROKEN)):
        twin = beside([booked, cancelled], status="cancelled", charge_id="ch_9", created_at=created_at)
        assert ExactlyOnce().judge(twin).verdict is verdict
        assert matched(twin).verdict is verdict


def test_who_was_refused_has_no_booking_not_even_a_young_pending_one() -> None:
    twin = beside([booking("late", Outcome.REFUSED)], status="pending")
    assert RefusedMeansRefused().judge(twin).verdict is BROKEN


def test_a_charge_stays_under_way_as_long_as_a_booking_may_stay_pending() -> None:
    for created_at, verdict in ((YOUNG, HELD), (OLD, BROKEN)):
        twin = beside(NO_ANSWER, status="pending", created_at=created_at)
        assert (CleanEndState().judge(twin).verdict, matched(twin).verdict) == (verdict, verdict)


def test_where_all_charges_are_under_way_there_is_nothing_to_match() -> None:
    row = booking_row(9, "late", status="pending", charge_id=None, created_at=YOUNG)
    twin = FabricatedTwin(history=NO_ANSWER, final=ended(bookings=[row], charges=[charge_row(9, "late")]))
    found = matched(twin)
    assert found.verdict is INCONCLUSIVE
    assert "none of 1 charges (1 of them still under way) was kept" in found.sentence
