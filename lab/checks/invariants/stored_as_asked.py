"""I15, contents: what is stored is what was asked for and what was acknowledged, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence, Outcome
from lab.workload.booking.history import (
    AUDIT,
    BOOKINGS,
    HOLDS,
    PROFILES,
    TRANSFERS,
    Intent,
    Row,
    instant,
    intents,
    named,
    summary,
    user_of,
)

SLOT = ("user_id", "room_id", "starts_at", "ends_at")
FIELDS: Mapping[str, tuple[str, ...]] = {
    BOOKINGS: SLOT,
    HOLDS: SLOT,
    TRANSFERS: ("from_wallet_id", "to_wallet_id", "amount_cents"),
    AUDIT: ("user_id", "display_name", "bio"),
}
STORED_IN = {PROFILES: AUDIT}  # a profile keeps only its newest version, its audit rows all of them
INSTANTS = ("starts_at", "ends_at", "created_at")
CHANGES_LATER = ("status",)  # acknowledged as confirmed, and cancelled since


@dataclass(frozen=True, kw_only=True)
class StoredAsAsked(Check):
    """Every row that an intent has left, against the request and against each acknowledgement of it."""

    name: ClassVar[str] = "stored as asked"
    invariant: ClassVar[str] = "I15"

    def title(self) -> str:
        return "what is stored is what was asked for and acknowledged"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = intents(evidence)
        rows = {kind: _by_reference(evidence, STORED_IN.get(kind, kind)) for kind in {i.kind for i in wanted}}
        there = [intent for intent in wanted if rows[intent.kind].get(intent.reference)]
        if not there:
            return self.undecided("Nothing was stored, so nothing could differ from what was asked for.")
        found = [
            text
            for intent in there
            for row in rows[intent.kind][intent.reference]
            for text in _differences(intent, row, evidence)
        ]
        among = f"what {summary(there)} left behind"
        return counted(self, found, "row that differs", "rows that differ", among=among, looked=len(there))


def _by_reference(evidence: Evidence, table: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in named(evidence, table):
        found.setdefault(str(row["reference"]), []).append(row)
    return found


def _differences(intent: Intent, row: Row, evidence: Evidence) -> Iterator[str]:
    """One line at most: the first thing in which `row` is not what it should be."""
    for said, what in [("asked for", _asked(intent, evidence)), *_acknowledged(intent, row)]:
        names = [name for name in what if name in row and _differs(name, what[name], row[name])]
        if names:
            told = ", ".join(f"{name} {row[name]!r}, {said} {what[name]!r}" for name in names)
            yield f"{intent}; stored: {told}"
            return


def _acknowledged(intent: Intent, row: Row) -> Iterator[tuple[str, Row]]:
    """What the acknowledgements say of `row`. That they name different rows is the matter of I9."""
    for each in intent.tries:
        body = each.answered
        if (
            each.outcome == Outcome.OK
            and isinstance(body, Mapping)
            and body.get("id", row.get("id")) == row.get("id")
        ):
            yield "acknowledged", body


def _asked(intent: Intent, evidence: Evidence) -> Row:
    """What the row must say: the fields of the request, and the price that follows from them."""
    asked = dict(intent.asked)
    if intent.kind == PROFILES:
        asked["user_id"] = user_of(asked)
    fields = FIELDS[STORED_IN.get(intent.kind, intent.kind)]
    wanted: dict[str, Any] = {name: asked[name] for name in fields}
    if intent.kind == BOOKINGS:
        prices = {room["id"]: room["hourly_price_cents"] for room in evidence.initial.get("rooms", ())}
        if asked["room_id"] in prices:
            wanted["price_cents"] = prices[asked["room_id"]] * _hours(asked)
    return wanted


def _hours(asked: Row) -> float:
    return (instant(asked["ends_at"]) - instant(asked["starts_at"])).total_seconds() / 3600


def _differs(name: str, wanted: Any, stored: Any) -> bool:
    if name in CHANGES_LATER:
        return False
    if name in INSTANTS and isinstance(wanted, str) and isinstance(stored, str):
        return instant(wanted) != instant(stored)
    return bool(wanted != stored)
