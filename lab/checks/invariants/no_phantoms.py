"""I2, no phantoms: every write that is there at the end was requested by a client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import (
    AUDIT,
    BOOKINGS,
    CHARGES,
    HOLDS,
    KINDS,
    PROFILES,
    TRANSFERS,
    intents,
    summary,
)

CAUSED_BY = {
    BOOKINGS: BOOKINGS,
    CHARGES: BOOKINGS,
    TRANSFERS: TRANSFERS,
    HOLDS: HOLDS,
    PROFILES: PROFILES,
    AUDIT: PROFILES,
}
IDENTITY = {PROFILES: "user_id"}


@dataclass(frozen=True, kw_only=True)
class NoPhantoms(Check):
    name: ClassVar[str] = "no phantoms"
    invariant: ClassVar[str] = "I2"

    def title(self) -> str:
        return "no phantom writes"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = intents(evidence)
        asked: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for intent in wanted:
            asked[intent.kind].add(intent.reference)
        found = [
            phantom for table in CAUSED_BY for phantom in _phantoms(evidence, table, asked[CAUSED_BY[table]])
        ]
        known = any(intent.acked for intent in wanted)
        return counted(
            self,
            found,
            "phantom write",
            "phantom writes",
            among=f"the rows left by {summary(wanted) or 'no writes'}",
            looked=len(wanted),
            undecided="" if known else "No write was acknowledged, so it is not known what should be there.",
        )


def _phantoms(evidence: Evidence, table: str, asked: set[str]) -> Iterator[str]:
    """Rows with a reference that no client used, and new rows without any reference."""
    identity = IDENTITY.get(table, "id")
    seeded = {row[identity] for row in evidence.initial[table]}
    for row in evidence.final[table]:
        reference = row["reference"]
        if reference not in asked and not (reference is None and row[identity] in seeded):
            yield f"{table} row {row[identity]} under reference {reference!r}: no client requested it"
