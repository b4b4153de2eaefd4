"""The second reader of run folders decides by itself: it takes nothing from the record that it can work out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fabricated.folder import Fabricated
from tests.fabricated.history import booking_row, charge_row, ended
from tests.fabricated.writing import make_writing_run
from tests.independent import comparing, invariants
from tests.independent.expectations import says
from tests.independent.folder import OK, REFUSED, UNKNOWN, WRONG, Row, Twin, read
from tests.independent.invariants import INVARIANTS

YOUNG = "2026-11-21T08:00:55+00:00"
NO_RUN: Any = None


@pytest.fixture(scope="module")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    folder = make_writing_run(tmp_path_factory.mktemp("runs") / "whole", Fabricated(requests=600))
    (folder / "verdict.json").write_text("{}")
    return read(folder).twins[0]


def found(twin: Twin, number: int, **changed: Any) -> list[str]:
    """What the reader says of the outcomes if this request had been recorded otherwise."""
    requests = [replace(each, **changed) if each.i == number else each for each in twin.requests]
    return list(comparing._outcomes(replace(twin, requests=requests)))


def test_it_finds_nothing_where_all_is_as_it_was(naive: Twin) -> None:
    assert list(comparing._outcomes(naive)) == []


def test_it_works_out_the_outcome_of_requests_of_which_no_answer_is_known(naive: Twin) -> None:
    """It once took the recorded outcome for what the answer had said."""
    known = {answer["i"] for answer in naive.history}
    read_well = next(each.i for each in naive.requests if each.i not in known and each.status == 200)
    for outcome in (REFUSED, UNKNOWN):
        assert found(naive, read_well, outcome=outcome)
    assert found(naive, read_well, status=503, outcome=OK)
    assert found(naive, read_well, status=503, outcome=REFUSED) == []


def test_it_works_out_which_answers_were_wrong(naive: Twin) -> None:
    known = {answer["i"] for answer in naive.history}
    written = next(each for each in naive.requests if each.i in known and each.outcome == OK)
    assert found(naive, written.i, flags=written.flags ^ WRONG)
    lost = next(each for each in naive.requests if each.i not in known and each.outcome != OK)
    assert found(naive, lost.i, flags=WRONG)


@pytest.mark.parametrize(
    ("planned", "told", "right"),
    [
        ({"id": 7}, {"id": 7, "more": 1}, True),
        ({"id": 7}, {"id": 7.0}, False),
        ({"items": {"$first": [1]}}, {"items": [1, 2]}, True),
        ({"items": {"$first": [1]}}, {"items": [2, 1]}, False),
        ({"items": {"$has": {"id": 1}}}, {"items": [2, {"id": 1}]}, True),
        ({"items": {"$has": {"id": 1}}}, {"items": []}, False),
        ({"hours": {"$between": [1, 2]}}, {"hours": 1.5}, True),
        ({"hours": {"$between": [0, 2]}}, {"hours": True}, False),
        ({"$either": [{"id": 1}, {"id": 2}]}, {"id": 2}, True),
        ({"$either": [{"id": 1}, {"id": 2}]}, {"id": 3}, False),
        ({"$nothing": True}, None, True),
        ({"$nothing": True}, {}, False),
    ],
)
def test_what_says_what_was_planned(planned: Any, told: Any, right: bool) -> None:
    assert says(planned, told) is right


def twin_with(bookings: list[Row], charges: list[Row], outcome: int = UNKNOWN) -> Twin:
    """The stores at the end, after one request for the booking r1."""
    arrival = {"i": 0, "op": "create_booking", "at_s": 1.0, "path": "/bookings/", "body": {"reference": "r1"}}
    answer = {
        "i": 0,
        "outcome": outcome,
        "status": 201,
        "answered": {"id": 2},
        "end_s": 1.1,
        "arrival": arrival,
    }
    final = ended(bookings=bookings, charges=charges)
    return Twin(
        name="naive",
        requests=[],
        recorded=[],
        history=[answer],
        initial={},
        final=final,
        metrics=[],
        events=[],
    )


def test_one_side_without_the_other_does_not_match() -> None:
    """It once had nothing to say where the judge said broken."""
    for bookings, charges in (([booking_row(2, "r1")], []), ([], [charge_row(1, "r1")])):
        assert invariants.charges_match(NO_RUN, twin_with(bookings, charges), {}) == ("broken", 1)
    assert invariants.charges_match(NO_RUN, twin_with([], []), {})[0] == "inconclusive"


@pytest.mark.parametrize(
    ("status", "created_at", "outcome", "verdict"),
    [
        ("pending", YOUNG, UNKNOWN, "inconclusive"),  # one thing is too few, and it is under way
        ("cancelled", YOUNG, OK, "inconclusive"),
        ("pending", YOUNG, OK, "broken"),
        ("pending", "2026-11-21T08:00:00+00:00", UNKNOWN, "broken"),
        ("cancelled", "2026-11-21T08:00:00+00:00", UNKNOWN, "broken"),
    ],
)
def test_a_charge_is_under_way_as_long_as_its_booking(
    status: str, created_at: str, outcome: int, verdict: str
) -> None:
    row = booking_row(2, "r1", status=status, created_at=created_at, charge_id=None)
    twin = twin_with([row], [charge_row(1, "r1")], outcome)
    assert invariants.charges_match(NO_RUN, twin, {})[0] == verdict


def test_what_the_seed_left_shows_nothing_about_the_end() -> None:
    check = {"open_at_most_s": 1.0, "pending_at_most_s": 10}
    seeded = [booking_row(n, None) for n in range(10, 20)]
    assert INVARIANTS["CleanEndState"](NO_RUN, twin_with(seeded, []), check)[0] == "inconclusive"
