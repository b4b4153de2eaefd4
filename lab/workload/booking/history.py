"""The history of a run by intent: what was requested under one reference, and what the client may believe about it.

One intent may be tried more than once (a retransmission with the same key); its rows are found by its reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from lab.model import Evidence, Operation, Outcome

BOOKINGS = "bookings"
TRANSFERS = "transfers"
PROFILES = "profiles"
AUDIT = "audit"
CHARGES = "charges"
HOLDS = "holds"
KINDS = {BOOKINGS: "booking", TRANSFERS: "transfer", PROFILES: "profile update", HOLDS: "hold"}
KIND_BY_PATH = {"/bookings/": BOOKINGS, "/transfers/": TRANSFERS, "/holds/": HOLDS}
CANCELLED, PENDING = "cancelled", "pending"
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Intent:
    """All requests for one thing that a client wanted."""

    kind: str  # the table of its effect
    reference: str
    tries: tuple[Operation, ...]

    @cached_property
    def acked(self) -> bool:
        return any(each.outcome == Outcome.OK for each in self.tries)

    @cached_property
    def refused(self) -> bool:
        """Every try was refused: there must be no effect."""
        return all(each.outcome == Outcome.REFUSED for each in self.tries)

    @property
    def asked(self) -> Row:
        return self.tries[0].asked

    def __str__(self) -> str:
        """One line for people: booking r-12, room 3 from 2030-…: at 12.3 s answered 201, at 13.3 s unknown."""
        tries = ", ".join(f"at {each.at_s:.1f} s {_answer(each)}" for each in self.tries)
        return f"{KINDS[self.kind]} {self.reference} ({_wanted(self)}): {tries}"


def intents(evidence: Evidence, *kinds: str) -> list[Intent]:
    """Every intent to write, of `kinds` (all, if none is given), in the order of their first tries."""
    tries: dict[tuple[str, str], list[Operation]] = {}
    for operation in evidence.history:
        kind = _kind(operation.asked)
        if kind and (not kinds or kind in kinds):
            tries.setdefault((kind, str(operation.asked["reference"])), []).append(operation)
    return [Intent(kind=kind, reference=ref, tries=tuple(each)) for (kind, ref), each in tries.items()]


def unacknowledged_kinds(wanted: Iterable[Intent]) -> list[str]:
    """The kinds of which nothing was acknowledged, so that a check can say nothing about them."""
    wanted = list(wanted)
    known = {intent.kind for intent in wanted if intent.acked}
    return sorted(KINDS[kind] for kind in {intent.kind for intent in wanted} - known)


def effects(evidence: Evidence, kind: str) -> Counter[str]:
    """How many effects of `kind` each reference has left: traces, but a pending booking is no booking yet."""
    return _counted(evidence, kind, (CANCELLED, PENDING))


def traces(evidence: Evidence, kind: str) -> Counter[str]:
    """How many rows of `kind` each reference has left, without cancelled bookings and refunded charges."""
    return _counted(evidence, kind, (CANCELLED,))


def _counted(evidence: Evidence, kind: str, but: Container[str]) -> Counter[str]:
    if (
        kind == PROFILES
    ):  # one update is one version: a row in profiles, as long as it is the newest, and one in audit
        return Counter({str(row["reference"]) for name in (PROFILES, AUDIT) for row in named(evidence, name)})
    rows = (row for row in named(evidence, kind) if row.get("status") not in but and not _refunded(row))
    return Counter(str(row["reference"]) for row in rows)


def _refunded(charge: Row) -> bool:
    return bool(charge.get("refunded_cents", 0) >= charge.get("amount_cents", 1))


def named(evidence: Evidence, table: str) -> list[Row]:
    """The final rows of `table` with a reference: those that the load caused."""
    return [row for row in evidence.final[table] if row["reference"] is not None]


def user_of(asked: Row) -> int:
    """The user whose profile a request is about; only its path says so."""
    return int(str(asked["path"]).split("/")[2])


def instant(text: str) -> datetime:
    """A time as a request, an answer or a row has it."""
    return datetime.fromisoformat(text)


def summary(wanted: Sequence[Intent]) -> str:
    """How many intents of each kind: 12 bookings and 3 transfers."""
    counts = Counter(intent.kind for intent in wanted)
    parts = [f"{count} {KINDS[kind]}{'' if count == 1 else 's'}" for kind, count in counts.items()]
    return " and ".join(parts)


def _kind(asked: Row) -> str:
    """The table of a request's effect; "" if it writes nothing under a reference."""
    if asked.get("reference") is None:
        return ""
    path = str(asked["path"])
    return PROFILES if path.endswith("/profile/") else KIND_BY_PATH.get(path, "")


def _answer(operation: Operation) -> str:
    word = {Outcome.OK: "acknowledged", Outcome.REFUSED: "refused", Outcome.UNKNOWN: "unknown"}[
        operation.outcome
    ]
    return f"{word} ({operation.status or 'no answer'})"


def _wanted(intent: Intent) -> str:
    asked = intent.asked
    if intent.kind == TRANSFERS:
        return (
            f"{asked['amount_cents']} cents from wallet {asked['from_wallet_id']} to {asked['to_wallet_id']}"
        )
    if intent.kind == PROFILES:
        return f"name {asked['display_name']!r}"
    return f"room {asked['room_id']} from {asked['starts_at']}"
