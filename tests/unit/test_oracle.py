"""The oracle sees every wrong answer, and what it expects is what the seed data say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from lab.workload import Intent
from lab.workload.booking import followers, reading, seeded, writing
from lab.workload.booking.operations import OPERATIONS
from loadtests import oracle
from loadtests.oracle import BETWEEN, EITHER, FIRST, HAS, is_wrong, planted, rejects_planted_wrong
from services import seed

ONE = {"id": 7, "status": "confirmed"}
PAGE = {"items": [{"id": 1, "bookings": {FIRST: [{"id": 1, "price_cents": 5}]}}], "next": None}
SHOWN = {
    "items": [
        {"id": 1, "name": "Ada", "bookings": [{"id": 1, "price_cents": 5}, {"id": 99, "price_cents": 8}]}
    ],
    "next": None,
}
PAGED = [{"items": [{"id": 1}], "next": 1}, {"items": {FIRST: [{"id": 1}, {"id": 2}]}}]
SIZES = {"users": 500, "rooms": 40, "bookings": 2_000}


@pytest.mark.parametrize(
    ("expect", "answer"),
    [
        (None, None),
        (None, "anything"),
        (ONE, {**ONE, "price_cents": 100}),
        (PAGE, SHOWN),
        ({"items": {FIRST: []}}, {"items": [1]}),
        ({"hours": {BETWEEN: [50, 60]}}, {"hours": 50}),
        ({"hours": {BETWEEN: [50, 60]}}, {"hours": 59.5}),
        ({"taken": []}, {"taken": []}),
        ({"items": {HAS: ONE}}, {"items": [{"id": 1}, ONE, {"id": 9}]}),
        ({EITHER: PAGED}, {"items": [{"id": 1}], "next": 1}),
        ({EITHER: PAGED}, {"items": [{"id": 1}, {"id": 2}, {"id": 3}]}),
    ],
)
def test_a_right_answer_may_say_more_than_expected(expect: Any, answer: Any) -> None:
    assert not is_wrong(expect, answer)
    assert expect is None or rejects_planted_wrong(expect, answer)


@pytest.mark.parametrize(
    ("expect", "answer"),
    [
        (ONE, {**ONE, "id": 8}),
        (ONE, {"id": 7}),
        (ONE, {**ONE, "id": "7"}),
        (ONE, {**ONE, "id": 7.0}),
        (ONE, None),
        (ONE, [ONE]),
        (PAGE, {"items": [], "next": None}),
        (PAGE, {**SHOWN, "next": 20}),
        (PAGE, {"items": [{**SHOWN["items"][0], "bookings": []}], "next": None}),  # type: ignore[index]
        (PAGE, {"items": [{"id": 1, "bookings": [{"id": 1, "price_cents": -1}]}], "next": None}),
        (PAGE, {"items": SHOWN["items"] * 2, "next": None}),  # type: ignore[operator]
        ({"taken": []}, {"taken": [1]}),
        ({"hours": {BETWEEN: [50, 60]}}, {"hours": 3_000.0}),
        ({"hours": {BETWEEN: [50, 60]}}, {"hours": 49.9}),
        ({"hours": {BETWEEN: [0, 60]}}, {"hours": True}),
        ({"hours": {BETWEEN: [50, 60]}}, {"hours": None}),
        ({"items": {HAS: ONE}}, {"items": [{"id": 7, "status": "cancelled"}]}),
        ({"items": {HAS: ONE}}, {"items": []}),
        ({"items": {HAS: ONE}}, {"items": None}),
        ({EITHER: PAGED}, {"items": [{"id": 1}], "next": None}),
        ({EITHER: PAGED}, {"items": [{"id": 1}]}),
    ],
)
def test_a_wrong_answer_is_wrong(expect: Any, answer: Any) -> None:
    assert is_wrong(expect, answer)


def test_something_wrong_is_planted_at_every_place_where_something_is_expected() -> None:
    wrong = list(planted(PAGE, SHOWN))
    (ada,) = SHOWN["items"]  # type: ignore[misc]
    for expected in (
        oracle.PLANTED,
        {"items": [ada]},
        {"next": None},
        {**SHOWN, "next": oracle.PLANTED},
        {**SHOWN, "items": [ada, oracle.PLANTED]},
        {**SHOWN, "items": []},
        {**SHOWN, "items": [{**ada, "id": oracle.PLANTED}]},
        {**SHOWN, "items": [{**ada, "bookings": [{"id": 99, "price_cents": 8}]}]},
    ):
        assert expected in wrong


def test_a_blind_oracle_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "is_wrong", lambda _expect, _answered: False)
    assert not rejects_planted_wrong(ONE, ONE)


@pytest.mark.parametrize("bookings", [2_000, 500_000])
@pytest.mark.parametrize("i", [1, 40, 41, 1_999])
def test_what_is_expected_of_a_booking_is_what_is_seeded(i: int, bookings: int) -> None:
    sizes = {**SIZES, "bookings": bookings}
    number, user, room, starts_at, ends_at, status, cents = seed.booking(i, **sizes)
    assert seeded.booking(i, sizes) == {
        "id": number, "user_id": user, "room_id": room, "starts_at": seeded.utc(starts_at),  # type: ignore[arg-type]
        "ends_at": seeded.utc(ends_at), "status": status, "price_cents": cents,  # type: ignore[arg-type]
    }  # fmt: skip
    assert i in seeded.bookings_of(user, sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("bookings", [90, 2_000, 2_001])
@pytest.mark.parametrize("room", [1, 2, 40])
def test_what_is_taken_on_a_day_is_what_is_seeded(room: int, bookings: int) -> None:
    sizes = {**SIZES, "bookings": bookings}
    rows = [seeded.booking(i, sizes) for i in range(1, bookings + 1)]
    for day in (
        seeded.FIRST_DAY,
        seeded.FIRST_DAY + timedelta(days=2),
        seeded.FIRST_DAY + timedelta(days=300),
    ):
        there = [
            {"starts_at": row["starts_at"], "ends_at": row["ends_at"]}
            for row in rows
            if row["room_id"] == room
            and datetime.fromisoformat(row["starts_at"]) < day + timedelta(days=1)
            and datetime.fromisoformat(row["ends_at"]) > day
        ]
        assert seeded.taken(room, day, sizes) == there


def test_of_two_who_want_all_of_a_wallet_one_must_be_served_and_the_other_refused() -> None:
    sizes = {**SIZES, "wallets": 500}
    for number in range(50):
        intent = Intent(i=number, at_s=1.0, op="scarce_transfer", sizes=sizes, random=Random(number))
        first = writing.scarce_transfer(intent)
        second = followers.as_much(intent, first)
        one, other = first.body or {}, second.body or {}
        assert one["from_wallet_id"] == other["from_wallet_id"]
        assert len({one["from_wallet_id"], one["to_wallet_id"], other["to_wallet_id"]}) == 3
        assert one["amount_cents"] == other["amount_cents"] == seed.WALLET_CENTS


def test_who_cancels_is_told_nothing_else() -> None:
    """The status says that it is done: whatever else comes is the answer to another request."""
    one, other = (
        Intent(i=i, at_s=1.0, op=op, sizes=SIZES, random=Random(i))
        for i, op in enumerate(("create_booking_cancelled", "cancel_booking"))
    )
    cancellation = followers.cancellation(other, writing.create_booking_cancelled(one))
    assert not is_wrong(cancellation.expect, None)
    assert rejects_planted_wrong(cancellation.expect, None)
    for told in ({"id": 7, "status": "confirmed"}, {}, [], "", 0):
        assert is_wrong(cancellation.expect, told)


@pytest.mark.parametrize("bookings", [39, 90, 2_000, 2_001])
def test_for_how_long_a_room_is_booked_is_what_is_seeded(bookings: int) -> None:
    sizes = {**SIZES, "bookings": bookings}
    for room in (1, 2, 40):
        length = seeded.slot(sizes) / timedelta(hours=1)
        count = sum(seeded.room_of(i, sizes) == room for i in range(1, bookings + 1))
        assert count * length - 0.001 <= seeded.booked_hours(room, sizes) <= count * length
    last = seeded.FIRST_DAY + timedelta(days=seeded.busy_days(sizes) - 1)
    assert seeded.taken(1, last, sizes)
    assert not seeded.taken(1, last + timedelta(days=1), sizes)


@pytest.mark.parametrize("i", [0, 700])
def test_a_report_may_show_what_was_booked_so_far_and_not_twice_the_hours(i: int) -> None:
    expect = reading.utilisation(
        Intent(i=i, at_s=1.0, op="utilisation", sizes=SIZES, random=Random(1))
    ).expect

    def report(hours: Callable[[int], float]) -> dict[str, Any]:
        rooms = range(1, SIZES["rooms"] + 1)
        return {"items": [{"room_id": n, "name": f"Studio {n}", "booked_hours": hours(n)} for n in rooms]}

    booked = Counter(1 + n % SIZES["rooms"] for n in range(i + reading.AT_ONCE))
    assert not is_wrong(expect, report(lambda room: seeded.booked_hours(room, SIZES)))
    assert not is_wrong(expect, report(lambda room: seeded.booked_hours(room, SIZES) + booked[room]))
    assert is_wrong(expect, report(lambda room: seeded.booked_hours(room, SIZES) * 2))


def test_availability_is_often_asked_of_a_day_on_which_the_room_is_taken() -> None:
    """Of random days of a year one in a hundred is: whether the hours of such a day are right, nobody would see."""
    intents = (Intent(i=i, at_s=0.0, op="availability", sizes=SIZES, random=Random(i)) for i in range(200))
    taken = sum(bool((OPERATIONS["availability"](intent).expect or {})["taken"]) for intent in intents)
    assert 60 < taken < 140
