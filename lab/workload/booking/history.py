"""The history of a run by intent: what was requested under one reference, and what the client may believe about it.

One intent may be tried more than once (a retransmission with the same key); its rows are found by its reference.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lab.model import Evidence, Operation, Outcome

BOOKINGS = "bookings"
TRANSFERS = "transfers"
PROFILES = "profiles"
AUDIT = "audit"
CHARGES = "charges"
HOLDS = "holds"
KINDS = {BOOKINGS: "booking", TRANSFERS: "transfer", PROFILES: "profile update", HOLDS: "hold"}
KIND_BY_PATH = {"/bookings/": BOOKINGS, "/transfers/": TRANSFERS, "/holds/": HOLDS}
CANCELS = "cancel_booking"  # the operation
CANCELLED, CONFIRMED, PENDING = "cancelled", "confirmed", "pending"
REFUSED_ONLY = {Outcome.REFUSED}
CONFLICT, STALE = 409, 412
Row = Mapping[str, Any]


class Intent(NamedTuple):
    """All requests for one thing that a client wanted."""

    kind: str  # the table of its effect
    reference: str
    tries: tuple[Operation, ...]
    acked: bool  # one of them was
    refused: bool  # every one was: there must be no effect
    cancelled: Outcome | None = None  # how its client's cancellation ended, if there was one

    @property
    def asked(self) -> Row:
        return self.tries[0].asked

    @property
    def effects(self) -> tuple[int, int]:
        """How many effects it must have at least, and may have at most."""
        if self.cancelled is Outcome.OK:
            return (0, 0)
        least, most = int(self.acked), int(not self.refused)
        return (0, most) if self.cancelled is Outcome.UNKNOWN else (least, most)

    def __str__(self) -> str:
        """One line for people: booking r-12, room 3 from 2030-…: at 12.3 s answered 201, at 13.3 s unknown."""
        tries = ", ".join(f"at {each.at_s:.1f} s {_answer(each)}" for each in self.tries)
        return f"{KINDS[self.kind]} {self.reference} ({_wanted(self)}): {tries}"


def acknowledgements(intent: Intent) -> list[Row]:
    """The bodies of the answers that acknowledged `intent`."""
    return [
        each.answered
        for each in intent.tries
        if each.outcome is Outcome.OK and isinstance(each.answered, dict)
    ]


def intents(evidence: Evidence, *kinds: str) -> Sequence[Intent]:
    """Every intent to write, of `kinds` (all, if none is given), in the order of their first tries."""
    return evidence.once(_of_kinds, kinds) if kinds else evidence.once(_intents)


def _of_kinds(evidence: Evidence, kinds: tuple[str, ...]) -> list[Intent]:
    return [intent for intent in evidence.once(_intents) if intent.kind in kinds]


def _intents(evidence: Evidence) -> list[Intent]:
    tries: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for operation in evidence.history:
        if kind := _kind(operation.asked):
            tries[kind, str(operation.asked["reference"])].append(operation)
    cancelled = {each.reads: each.outcome for each in evidence.history if each.op == CANCELS}
    return [_intent(kind, reference, each, cancelled) for (kind, reference), each in tries.items()]


def _intent(
    kind: str, reference: str, tries: Sequence[Operation], cancelled: Mapping[int | None, Outcome]
) -> Intent:
    outcomes = {each.outcome for each in tries}
    acked, refused = Outcome.OK in outcomes, outcomes == REFUSED_ONLY
    return Intent(kind, reference, tuple(tries), acked, refused, cancelled.get(tries[0].i))


def opened(evidence: Evidence, save: Operation) -> Operation | None:
    """The request that opened the profile that `save` has saved; None if nobody opened it."""
    return None if save.reads is None else evidence.once(_by_number).get(save.reads)


def read_version(evidence: Evidence, intent: Intent) -> int | None:
    """Which version of a profile its client had seen; None if it had not looked."""
    opening = opened(evidence, intent.tries[0])
    seen = opening.answered if opening else None
    return int(seen["version"]) if isinstance(seen, dict) and "version" in seen else None


def _by_number(evidence: Evidence) -> Mapping[int, Operation]:
    needed = {each.reads for each in evidence.history}
    return {each.i: each for each in evidence.history if each.i in needed}


def nothing_acknowledged(wanted: Sequence[Intent], what: str, so: str) -> str:
    """Why a check can say nothing about some kind: it was wanted, but never acknowledged. "" if there is none.

    `what` stands for the kinds if nothing was wanted at all; `so` says what follows.
    """
    known = {intent.kind for intent in wanted if intent.acked}
    missing = sorted(KINDS[kind] for kind in {intent.kind for intent in wanted} - known)
    if wanted and not missing:
        return ""
    return f"No {' and no '.join(missing) or what} was acknowledged, so {so}."


def named(evidence: Evidence, table: str) -> list[Row]:
    """The final rows of `table` with a reference: those that the load caused."""
    return evidence.once(_named, table)


def _named(evidence: Evidence, table: str) -> list[Row]:
    return [row for row in evidence.final[table] if row["reference"] is not None]


def user_of(asked: Row) -> int:
    """The user whose profile a request is about; only its path says so."""
    return int(str(asked["path"]).split("/")[2])


class Instants(dict[str, datetime]):
    """Times as requests, answers and rows have them, by their text: each text is read once.

    All are in UTC, since two times of one zone compare many times as fast; a text may name no zone at all.
    """

    def __missing__(self, text: str) -> datetime:
        told = datetime.fromisoformat(text)
        self[text] = found = told.astimezone(UTC) if told.tzinfo else told
        return found


def instants(evidence: Evidence) -> Instants:
    return evidence.once(_no_instants)


def _no_instants(_evidence: Evidence) -> Instants:
    return Instants()


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
    return KIND_BY_PATH.get(path) or (PROFILES if path.endswith("/profile/") else "")


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
