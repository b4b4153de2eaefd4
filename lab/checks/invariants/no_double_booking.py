"""I4, no double booking: no two confirmed bookings of a room overlap, nor do two that were acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import BOOKINGS, CANCELLED, Instants, Row, instants, intents


@dataclass(frozen=True, kw_only=True)
class NoDoubleBooking(Check):
    name: ClassVar[str] = "no double booking"
    invariant: ClassVar[str] = "I4"

    def title(self) -> str:
        return "no room is booked twice at the same time"

    def judge(self, evidence: Evidence) -> CheckResult:
        acked = [intent for intent in intents(evidence, BOOKINGS) if intent.acked]
        rows = evidence.final[BOOKINGS]
        confirmed = [row for row in rows if row["status"] == "confirmed"]
        kept = {row["reference"] for row in confirmed} | {
            r["reference"] for r in rows if r["status"] == CANCELLED
        }
        # Two clients were promised the same room, even if only one of the rows has survived.
        promised = [
            {"id": None, "status": "acknowledged", **i.asked} for i in acked if i.reference not in kept
        ]
        found = list(_overlaps([*confirmed, *promised], instants(evidence)))
        return counted(
            self,
            found,
            "double booking",
            "double bookings",
            among=f"{len(confirmed)} confirmed bookings ({len(acked)} acknowledged in this run)",
            looked=len(acked),
            undecided="" if acked else "No booking was acknowledged, so no room could be booked twice.",
        )


def _overlaps(bookings: Iterable[Row], at: Instants) -> Iterator[str]:
    """One line for each booking that begins before an earlier one of its room has ended."""
    timed = sorted(
        ((row["room_id"], at[row["starts_at"]], at[row["ends_at"]], row) for row in bookings),
        key=lambda item: item[:3],
    )
    room, until, holder = None, None, None
    for room_id, starts_at, ends_at, row in timed:
        if room_id == room and until is not None and starts_at < until:
            yield f"room {room_id} from {starts_at:%Y-%m-%d %H:%M}: {_who(holder)} and {_who(row)}"
        if room_id != room or until is None or ends_at > until:
            room, until, holder = room_id, ends_at, row


def _who(row: Any) -> str:
    number = f"booking {row['id']}" if row["id"] is not None else "an acknowledged booking"
    return f"{number} (user {row['user_id']}, {row['reference'] or 'seeded'})"
