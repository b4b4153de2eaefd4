"""I16, justified refusals: for every "taken" or "not enough", the history shows what took it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.lazily import np
from lab.model import Check, CheckResult, Evidence, Operation, Outcome
from lab.workload.booking.history import (
    BOOKINGS,
    CONFLICT,
    HOLDS,
    PROFILES,
    STALE,
    TRANSFERS,
    Intent,
    Row,
    instants,
    intents,
    opened,
    summary,
    user_of,
)

NOT_NOW = (408, 425, 429)  # say nothing about the request itself
HOUR_S = 3_600
FROM_THE_START = -math.inf
Room = tuple[str, int | None]  # for bookings or for holds
Hour = tuple[str, int, int]  # of a booking or a hold, of a room, since 1970


@dataclass(frozen=True, kw_only=True)
class JustifiedRefusals(Check):
    """Every request of the load is right in itself, so only a conflict may refuse one for good, and only a write: 409,
    or 412 for a profile that has changed since it was opened.

    What it conflicts with was acknowledged, may have taken effect, or was there from the start; and it was asked for
    before the refusal came. Refusals by a service that is unwell (503 and the like) are left to the SLOs.
    """

    name: ClassVar[str] = "justified refusals"
    invariant: ClassVar[str] = "I16"

    def title(self) -> str:
        return "every refusal had a reason"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = intents(evidence)
        refused = [(intent, each) for intent in wanted for each in intent.tries if _is_final(each)]
        reads = _refused_reads(evidence, {each.op for intent in wanted for each in intent.tries})
        if not (refused or reads or any(intent.acked for intent in wanted)):
            return self.undecided("No write was acknowledged or refused, so no refusal had to be justified.")
        held = _Held(wanted, evidence, rooms={_room(intent.kind, intent.asked) for intent, _ in refused})
        found = [
            f"{intent}; nothing stood in its way"
            for intent, each in refused
            if not held.excuses(intent, each)
        ]
        return counted(
            self,
            [*found, *reads],
            "unjustified refusal",
            "unjustified refusals",
            among=f"{summary(wanted) or 'no writes'} in the whole run; {_for_good(len(refused) + len(reads))}",
            looked=len(wanted) + len(reads),
        )


def _for_good(count: int) -> str:
    """How many requests were; one that is repeated may be refused twice."""
    if not count:
        return "no request was refused for good"
    many = "one request was" if count == 1 else f"{count} requests were"
    return f"{many} refused for good (a conflict or another 4xx)"


def _is_final(each: Operation) -> bool:
    return 400 <= each.status < 500 and each.status not in NOT_NOW and each.outcome == Outcome.REFUSED


def _refused_reads(evidence: Evidence, writes: Collection[str]) -> list[str]:
    """Requests that write nothing and were refused for good. What they ask for was there from the start."""
    requests, reads = evidence.requests, [n for n, op in enumerate(evidence.ops) if op not in writes]
    final = (requests["status"] >= 400) & (requests["status"] < 500) & ~np.isin(requests["status"], NOT_NOW)
    return [
        f"{evidence.ops[one['op']]} at {one['intended']:.1f} s: {one['status']}, though it was there"
        for one in requests[final & np.isin(requests["op"], reads)]
    ]


class _Held:
    """What may stand in the way of a request, and since when: hours that may be taken, profiles that may have been
    edited, what wallets may have paid. Of the hours only those of `rooms` are noted: nobody asks for the others.
    """

    def __init__(self, wanted: Iterable[Intent], evidence: Evidence, rooms: Collection[Room]) -> None:
        self._taken_at: dict[Hour, float] = {}
        self._edited: dict[int, list[tuple[float, float]]] = defaultdict(list)  # (from, until) by user
        self._paid: dict[int, list[tuple[float, int]]] = defaultdict(list)  # (instant, cents) by wallet
        self._had_cents = {row["id"]: row["balance_cents"] for row in evidence.initial["wallets"]}
        self._evidence, self._instants = evidence, instants(evidence)
        self._rooms = rooms
        for kind in (BOOKINGS, HOLDS):
            for row in evidence.initial[kind]:
                self._take(kind, row, FROM_THE_START)
        for intent in wanted:
            if not intent.refused:
                self._note(intent)

    def excuses(self, intent: Intent, refused: Operation) -> bool:
        """Whether something may have stood in the way, including another try of the same intent."""
        conflicts = (CONFLICT,) if refused.reads is None else (CONFLICT, STALE)
        if refused.status not in conflicts:
            return False
        if not intent.refused:
            return True
        asked, until_s = intent.asked, refused.end_s
        if intent.kind == TRANSFERS:
            giver = asked["from_wallet_id"]
            paid_cents = sum(cents for at_s, cents in self._paid[giver] if at_s <= until_s)
            return bool(self._had_cents.get(giver, 0) - paid_cents < asked["amount_cents"])
        if intent.kind == PROFILES:
            since_s = opening.at_s if (opening := opened(self._evidence, refused)) else FROM_THE_START
            edits = self._edited[user_of(asked)]
            return any(at_s <= until_s and end_s >= since_s for at_s, end_s in edits)
        return any(self._taken_at.get(hour, math.inf) <= until_s for hour in self._hours(intent.kind, asked))

    def _note(self, intent: Intent) -> None:
        asked, at_s = intent.asked, min(each.at_s for each in intent.tries)
        if intent.kind == TRANSFERS:
            self._paid[asked["from_wallet_id"]].append((at_s, asked["amount_cents"]))
        elif intent.kind == PROFILES:
            end_s = max(each.end_s for each in intent.tries) if intent.acked else math.inf
            self._edited[user_of(asked)].append((at_s, end_s))
        else:
            self._take(intent.kind, asked, at_s)

    def _take(self, kind: str, slot: Row, at_s: float) -> None:
        if _room(kind, slot) in self._rooms:
            for hour in self._hours(kind, slot):
                self._taken_at[hour] = min(at_s, self._taken_at.get(hour, math.inf))

    def _hours(self, kind: str, slot: Row) -> list[Hour]:
        """Every hour of a room that a slot lies in."""
        first, last = (self._instants[slot[name]].timestamp() for name in ("starts_at", "ends_at"))
        return [
            (kind, slot["room_id"], hour) for hour in range(int(first // HOUR_S), int(-(-last // HOUR_S)))
        ]


def _room(kind: str, slot: Row) -> Room:
    return kind, slot.get("room_id")
