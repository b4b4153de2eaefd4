"""What clients do about an answer: they save what they opened, and cancel what they booked. The invariants know it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.checks.invariants import ExactlyOnce, JustifiedRefusals, NoLostAcks, NoLostUpdate
from lab.model import Operation, Outcome, Verdict
from tests.fabricated.evidence import FabricatedTwin
from tests.fabricated.history import booking, booking_row, charge_row, ended, operation, update

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE


def opened(i: int, at_s: float, version: int, user: int = 1) -> Operation:
    shown = {"user_id": user, "version": version}
    opening = operation("edit_profile", {"path": f"/users/{user}/profile/"}, i=i, answered=shown)
    return opening._replace(at_s=at_s, end_s=at_s + 0.1, status=200)


def saved(i: int, reads: int, at_s: float, version: int | None, user: int = 1) -> Operation:
    """Saved as `version`, or told that it has changed."""
    outcome = Outcome.REFUSED if version is None else Outcome.OK
    answered: Any = None if version is None else {"user_id": user, "version": version}
    return update(f"save-{i}", outcome, user)._replace(
        i=i, op="save_profile", reads=reads, at_s=at_s, end_s=at_s + 0.1, answered=answered,
        status=412 if version is None else 200,
    )  # fmt: skip


def two_editors(second: int | None, of: int = 6) -> list[Operation]:
    """In each of `of` profiles two people edit version 1. The first saves version 2; the second saves `second`."""
    history = []
    for n in range(of):
        user, i = n + 1, 10 * n
        history += [
            opened(i, n, 1, user),
            opened(i + 1, n, 1, user),
            saved(i + 2, i, n + 0.5, 2, user),
            saved(i + 3, i + 1, n + 0.7, second, user),
        ]
    return history


@pytest.mark.parametrize(
    ("second", "verdict", "count"), [(None, HELD, 0), (3, BROKEN, 6), (2, BROKEN, 6)],
    ids=["told", "overwritten", "both are version 2"],
)  # fmt: skip
def test_of_two_who_edit_one_version_only_one_may_save_it(
    second: int | None, verdict: Verdict, count: int
) -> None:
    found = NoLostUpdate().judge(FabricatedTwin(history=two_editors(second)))
    assert (found.verdict, found.value, found.looked) == (verdict, count, 6)


def test_without_two_editors_of_one_profile_nothing_is_said_about_lost_updates() -> None:
    alone = [opened(1, 0, 1), saved(2, 1, 0.5, 2)]
    assert NoLostUpdate().judge(FabricatedTwin(history=alone)).verdict is INCONCLUSIVE


def test_who_is_told_that_a_profile_has_changed_must_have_had_a_rival() -> None:
    assert JustifiedRefusals().judge(FabricatedTwin(history=two_editors(None))).verdict is HELD
    before = [update("earlier")._replace(at_s=0, end_s=0.1, status=200)]
    alone = [*before, opened(1, 1, 2), saved(2, 1, 1.5, None)]
    found = JustifiedRefusals().judge(FabricatedTwin(history=alone))
    assert (found.verdict, found.value) == (BROKEN, 1)


def test_who_has_opened_nothing_cannot_be_told_that_it_has_changed() -> None:
    history = [update("other")._replace(status=200), update("p", Outcome.REFUSED)._replace(status=412)]
    assert JustifiedRefusals().judge(FabricatedTwin(history=history)).verdict is BROKEN


def cancelled(how: Outcome, status: str) -> FabricatedTwin:
    """Five bookings and their cancellations, which ended like that; the rows have that status."""
    history, rows, charges = [], [], []
    for n in range(1, 6):
        history.append(booking(f"r{n}", answered={"id": n + 1})._replace(i=n))
        ended_so = operation("cancel_booking", {"path": f"/bookings/{n + 1}/"}, how, i=100 + n)
        history.append(ended_so._replace(reads=n, status=204 if how is Outcome.OK else 503))
        rows.append(booking_row(n + 1, f"r{n}", status=status))
        kept = charge_row(n, f"r{n}")
        charges.append(kept if status == "confirmed" else {**kept, "refunded_cents": kept["amount_cents"]})
    return FabricatedTwin(history=history, final=ended(bookings=rows, charges=charges))


@pytest.mark.parametrize(
    ("how", "status", "verdict"),
    [
        (Outcome.OK, "cancelled", HELD),
        (Outcome.OK, "confirmed", BROKEN),
        (Outcome.UNKNOWN, "cancelled", HELD),
        (Outcome.UNKNOWN, "confirmed", HELD),
        (Outcome.REFUSED, "confirmed", HELD),
        (Outcome.REFUSED, "cancelled", BROKEN),
    ],
)
def test_what_was_cancelled_is_gone_and_what_was_not_is_there(
    how: Outcome, status: str, verdict: Verdict
) -> None:
    assert ExactlyOnce().judge(cancelled(how, status)).verdict is verdict


def test_what_its_client_has_cancelled_is_no_lost_acknowledgement() -> None:
    assert NoLostAcks().judge(cancelled(Outcome.REFUSED, "cancelled")).verdict is BROKEN
    assert NoLostAcks().judge(cancelled(Outcome.REFUSED, "confirmed")).verdict is HELD
    assert NoLostAcks().judge(cancelled(Outcome.OK, "cancelled")).verdict is INCONCLUSIVE
