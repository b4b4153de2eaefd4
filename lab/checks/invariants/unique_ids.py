"""I13, identity: an id given to one client for one thing is never given to another for something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import (
    KINDS,
    PROFILES,
    Intent,
    acknowledgements,
    intents,
    nothing_acknowledged,
)


@dataclass(frozen=True, kw_only=True)
class UniqueIds(Check):
    """Looks at all that was acknowledged as created. Several answers to one intent may name the same thing.

    An answer without an id names nothing; that it is wrong is for other checks to say.
    """

    name: ClassVar[str] = "unique ids"
    invariant: ClassVar[str] = "I13"

    def title(self) -> str:
        return "no two things have the same id"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = [intent for intent in intents(evidence) if intent.kind != PROFILES]
        owners: dict[tuple[str, str], Intent] = {}
        found = [text for intent in wanted if (text := _reused(intent, owners))]
        return counted(
            self,
            found,
            "id given twice",
            "ids given twice",
            among=f"{len(owners)} ids",
            looked=len(owners),
            undecided=nothing_acknowledged(wanted, "creation", "no id was given"),
        )


def _reused(intent: Intent, owners: dict[tuple[str, str], Intent]) -> str:
    """A sentence if an id of this intent belongs to an earlier one; else "", and its ids are noted."""
    for answered in acknowledgements(intent):
        if (number := answered.get("id")) is not None:
            owner = owners.setdefault((intent.kind, str(number)), intent)
            if owner is not intent:
                return f"{intent}; {KINDS[owner.kind]} {owner.reference} has the same id, {number}"
    return ""
