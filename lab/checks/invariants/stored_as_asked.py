"""I15, contents: what is stored is what was asked for and what was acknowledged, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import (
    AUDIT,
    BOOKINGS,
    HOLDS,
    PROFILES,
    TRANSFERS,
    Intent,
    Row,
    acknowledgements,
    instants,
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
    PROFILES: ("display_name", "bio"),
}
STORED_IN = {PROFILES: AUDIT}  # a profile keeps only its newest version, its audit rows all of them
INSTANTS = ("starts_at", "ends_at", "created_at")
CHANGES_LATER = ("status",)  # acknowledged as confirmed, and cancelled since


@dataclass(frozen=True, kw_only=True)
class StoredAsAsked(Check):
    """Compares every row that an intent has left with the request and with each acknowledgement of it."""

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
        right = _Right(evidence)
        found = []
        for intent in there:
            mine, told = rows[intent.kind][intent.reference], acknowledgements(intent)
            found += [text for row in mine if (text := right.difference(intent, told, row))]
            found += _misnamed(intent, told, mine)
        among = f"what {summary(there)} left behind"
        return counted(self, found, "row that differs", "rows that differ", among=among, looked=len(there))


def _by_reference(evidence: Evidence, table: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in named(evidence, table):
        found.setdefault(str(row["reference"]), []).append(row)
    return found


class _Right:
    """What rows must say."""

    def __init__(self, evidence: Evidence) -> None:
        self._prices = {room["id"]: room["hourly_price_cents"] for room in evidence.initial.get("rooms", ())}
        self._instants = instants(evidence)

    def difference(self, intent: Intent, acknowledged: Sequence[Row], row: Row) -> str:
        """How `row` differs from the request or else from an acknowledgement, in a line; "" if it does not.

        Whether all acknowledgements name the same row is for I9 to judge.
        """
        number = row.get("id")
        said = [("acknowledged", each) for each in acknowledged if each.get("id", number) == number]
        for how, what in (("asked for", self._asked(intent)), *said):
            if names := self._differing(what, row):
                told = ", ".join(f"{name} {row[name]!r}, {how} {what[name]!r}" for name in names)
                return f"{intent}; stored: {told}"
        return ""

    def _differing(self, what: Row, row: Row) -> list[str]:
        """The members of `what` that differ in `row`."""
        if what.items() <= row.items():  # all at once, which is enough unless times are written differently
            return []
        return [
            name
            for name, wanted in what.items()
            if (stored := row.get(name, wanted)) != wanted and self._differs(name, wanted, stored)
        ]

    def _asked(self, intent: Intent) -> Row:
        """The fields of the request, and the price that follows from them."""
        asked, kind = intent.asked, intent.kind
        wanted: dict[str, Any] = {"user_id": user_of(asked)} if kind == PROFILES else {}
        for name in FIELDS[kind]:
            wanted[name] = asked[name]
        if kind == BOOKINGS and asked["room_id"] in self._prices:
            wanted["price_cents"] = self._prices[asked["room_id"]] * self._hours(asked)
        return wanted

    def _hours(self, slot: Row) -> float:
        return (self._instants[slot["ends_at"]] - self._instants[slot["starts_at"]]).total_seconds() / 3600

    def _differs(self, name: str, wanted: Any, stored: Any) -> bool:
        """Whether values that are not equal say different things."""
        if name in INSTANTS and isinstance(wanted, str) and isinstance(stored, str):
            return self._instants[wanted] != self._instants[stored]
        return name not in CHANGES_LATER


def _misnamed(intent: Intent, acknowledged: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    """Acknowledgements that name a row of somebody else, or none at all."""
    own = [row.get("id") for row in rows]
    return [
        f"{intent}; acknowledged as no. {each['id']}, which is not its own"
        for each in acknowledged
        if "id" in each and each["id"] not in own
    ]
