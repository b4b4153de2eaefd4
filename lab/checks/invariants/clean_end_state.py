"""I12, clean end state: at the end no transaction is open, nothing waits for a lock, and no booking is left pending."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.effects import UNFINISHED_AT_MOST_S, age_s
from lab.workload.booking.history import BOOKINGS, PENDING, named


@dataclass(frozen=True, kw_only=True)
class CleanEndState(Check):
    """Judged after the drain: when the service has become idle, or after 4 s."""

    name: ClassVar[str] = "clean end state"
    invariant: ClassVar[str] = "I12"
    pending_at_most_s: float = UNFINISHED_AT_MOST_S
    open_at_most_s: float = 1.0  # a transaction; background work of the service takes milliseconds

    def title(self) -> str:
        return "no transaction, lock wait or pending booking is left"

    def judge(self, evidence: Evidence) -> CheckResult:
        found = [
            *_sessions(evidence, self.open_at_most_s),
            *_locks(evidence),
            *_pending(evidence, self.pending_at_most_s),
        ]
        sessions, bookings = len(evidence.final["activity"]), len(named(evidence, BOOKINGS))
        asked = bool(len(evidence.requests))
        return counted(
            self,
            found,
            "leftover",
            "leftovers",
            among=f"{sessions} sessions with their locks, and {bookings} bookings of this run",
            looked=sessions + bookings,
            undecided="" if asked else "No request was recorded, so nothing could be left open.",
        )


def _sessions(evidence: Evidence, at_most_s: float) -> Iterator[str]:
    for session in evidence.final["activity"]:
        state, open_s = session["state"] or "", session["xact_age_s"]
        at_work = state.startswith("idle in transaction") or state == "active"
        if at_work and (open_s is None or open_s > at_most_s):
            how = f"is {state}" if open_s is None else f"has been {state} for {open_s:.1f} s"
            yield f"session {session['pid']} {how}: {session['query'][:80]}"


def _locks(evidence: Evidence) -> Iterator[str]:
    for lock in evidence.final["locks"]:
        yield "a session is waiting for a lock: " + ", ".join(
            f"{name} {value}" for name, value in lock.items() if value is not None
        )


def _pending(evidence: Evidence, at_most_s: float) -> Iterator[str]:
    for row in evidence.final[BOOKINGS]:
        if row["status"] == PENDING and (pending_s := age_s(evidence, row)) > at_most_s:
            yield f"booking {row['id']} ({row['reference']}) has been pending for {pending_s:.0f} s"
