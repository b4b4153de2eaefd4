"""What each intent has left in the stores, apart from what the service is still busy with.

A booking is paid for elsewhere, so it may be written before it is paid for, as pending. One that cannot be finished is
cancelled a little later, and its charge is paid back later still. Until then the charge is under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from lab.model import Evidence
from lab.workload.booking.history import (
    AUDIT,
    BOOKINGS,
    CANCELLED,
    CHARGES,
    CONFIRMED,
    PENDING,
    PROFILES,
    Row,
    instants,
    intents,
    named,
)

# Nobody pays later than 6 s after the request, and a sweeper that runs every 1.5 s undoes it.
UNFINISHED_AT_MOST_S = 10.0


def effects(evidence: Evidence, kind: str) -> Mapping[str, int]:
    """How many effects of `kind` each reference has left; 0 for one that is not in it.

    The same as traces, but a pending booking is no booking yet.
    """
    return evidence.once(_counted, kind, (CANCELLED, PENDING))


def traces(evidence: Evidence, kind: str) -> Mapping[str, int]:
    """How many rows of `kind` each reference has left, without cancelled bookings and without charges that are refunded
    or under way."""
    return evidence.once(_counted, kind, (CANCELLED,))


def _counted(evidence: Evidence, kind: str, but: tuple[str, ...]) -> Counter[str]:
    if (
        kind == PROFILES
    ):  # one update is one version: a row in profiles, as long as it is the newest, and one in audit
        return Counter({str(row["reference"]) for name in (PROFILES, AUDIT) for row in named(evidence, name)})
    if kind == CHARGES:
        busy = under_way(evidence)
        rows = (row for row in named(evidence, CHARGES) if kept_cents(row) > 0 and str(row["id"]) not in busy)
    else:
        rows = (row for row in named(evidence, kind) if row.get("status") not in but)
    return Counter(str(row["reference"]) for row in rows)


def kept_cents(charge: Row) -> int:
    """What the company keeps of the charge after refunds."""
    return int(charge["amount_cents"]) - int(charge.get("refunded_cents", 0))


def age_s(evidence: Evidence, row: Row) -> float:
    """How old `row` was when the stores were read, by the clock that dated it."""
    at = instants(evidence)
    return (at[evidence.final["clock"][0]["now"]] - at[row["created_at"]]).total_seconds()


def under_way(evidence: Evidence) -> Collection[str]:
    """The ids of the charges that are kept for now: for each young booking that may still be confirmed or undone, or
    whose refund may be due, one under its reference."""
    return evidence.once(_under_way)


def _under_way(evidence: Evidence) -> Collection[str]:
    bookings = named(evidence, BOOKINGS)
    acked = {intent.reference for intent in intents(evidence, BOOKINGS) if intent.acked}
    paid = {str(row["charge_id"]) for row in bookings if row["status"] == CONFIRMED}
    waiting = Counter(str(row["reference"]) for row in bookings if _is_unfinished(evidence, row, acked))
    found = set()
    for charge in named(evidence, CHARGES):
        name, reference = str(charge["id"]), str(charge["reference"])
        if waiting[reference] and kept_cents(charge) > 0 and name not in paid:
            waiting[reference] -= 1
            found.add(name)
    return found


def _is_unfinished(evidence: Evidence, booking: Row, acked: Collection[str]) -> bool:
    """Whoever was told that it is booked has a confirmed booking: one that is still pending is no work in progress."""
    status = booking["status"]
    may_change = status == CANCELLED or (status == PENDING and str(booking["reference"]) not in acked)
    return may_change and age_s(evidence, booking) <= UNFINISHED_AT_MOST_S
