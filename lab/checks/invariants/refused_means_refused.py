"""I3, refused means refused: what was answered with "nothing was done" has left nothing behind, no charge either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import BOOKINGS, CHARGES, Intent, effects, intents, summary


@dataclass(frozen=True, kw_only=True)
class RefusedMeansRefused(Check):
    """An intent of which any try was acknowledged or left in doubt may well have its effect, and is not looked at."""

    name: ClassVar[str] = "refused means refused"
    invariant: ClassVar[str] = "I3"

    def title(self) -> str:
        return "what was refused has left nothing behind"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = intents(evidence)
        if not any(intent.acked for intent in wanted):
            return self.undecided("Not one write was acknowledged: no refusal can be told from an outage.")
        refused = [intent for intent in wanted if intent.refused]
        found = [
            text
            for kind in {intent.kind for intent in refused}
            for text in _left_behind(evidence, kind, refused)
        ]
        return counted(
            self,
            found,
            "refused request with an effect",
            "refused requests with an effect",
            f"{summary(refused) or 'no writes'} refused",
        )


def _left_behind(evidence: Evidence, kind: str, refused: list[Intent]) -> Iterator[str]:
    there = effects(evidence, kind)
    charged = effects(evidence, CHARGES) if kind == BOOKINGS else {}
    for intent in refused:
        if intent.kind == kind and there[intent.reference]:
            yield f"{intent}; yet it is there"
        elif intent.kind == kind and charged.get(intent.reference):
            yield f"{intent}; yet it was charged"
