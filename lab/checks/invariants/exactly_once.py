"""I9, exactly once: one intent has one effect, however often it was sent.

Acknowledged: once. Unknown: at most once. Refused, or cancelled since: not at all. All acknowledgements of one intent
name the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence, Outcome, plural
from lab.workload.booking.effects import effects
from lab.workload.booking.history import (
    BOOKINGS,
    CHARGES,
    PROFILES,
    Intent,
    intents,
    nothing_acknowledged,
    summary,
)


@dataclass(frozen=True, kw_only=True)
class ExactlyOnce(Check):
    """Counts rows of bookings and transfers, and charges of bookings. Profile updates may safely be repeated."""

    name: ClassVar[str] = "exactly once"
    invariant: ClassVar[str] = "I9"

    def title(self) -> str:
        return "one intent has one effect"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = [intent for intent in intents(evidence) if intent.kind != PROFILES]
        rows = {kind: effects(evidence, kind) for kind in {intent.kind for intent in wanted}}
        charges = effects(evidence, CHARGES) if BOOKINGS in rows else {}
        found = [text for intent in wanted if (text := _violation(intent, rows[intent.kind], charges))]
        retried = sum(len(intent.tries) > 1 for intent in wanted)
        return counted(
            self,
            found,
            "intent with the wrong number of effects",
            "intents with the wrong number of effects",
            among=f"{summary(wanted)} requested ({retried} of them more than once)",
            looked=len(wanted),
            undecided=nothing_acknowledged(wanted, "booking or transfer", "nothing could have been doubled"),
        )


def _violation(intent: Intent, rows: Mapping[str, int], charges: Mapping[str, int]) -> str:
    """What is wrong with the effects of `intent`, in a line; "" if nothing is."""
    least, most = intent.effects
    left = {"row": rows, "charge": charges} if intent.kind == BOOKINGS else {"row": rows}
    for noun, counter in left.items():
        count = counter.get(intent.reference, 0)
        if not least <= count <= most:
            return f"{intent}; {plural(count, noun)}"
    if len(intent.tries) > 1:
        answers = {_identity(each.answered) for each in intent.tries if each.outcome == Outcome.OK}
        if len(answers) > 1:
            return f"{intent}; its acknowledgements name different rows: {', '.join(sorted(answers))}"
    return ""


def _identity(answered: object) -> str:
    return str(answered.get("id")) if isinstance(answered, Mapping) else str(answered)
