"""I3, refused means refused: a request that was told "nothing was done" has left no row and no charge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted, of_which
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.effects import traces
from lab.workload.booking.history import BOOKINGS, CHARGES, Intent, intents, summary


@dataclass(frozen=True, kw_only=True)
class RefusedMeansRefused(Check):
    """An intent whose tries were all refused has no effect; any other may rightly have one.

    It looks at every write, so a twin that refuses none has kept its word.
    """

    name: ClassVar[str] = "refused means refused"
    invariant: ClassVar[str] = "I3"

    def title(self) -> str:
        return "no refused request had an effect"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = intents(evidence)
        refused = [intent for intent in wanted if intent.refused]
        too = " (conflicts included)" if refused else ""
        served = any(intent.acked for intent in wanted)
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
            among=f"{summary(wanted)} in the whole run, {of_which(len(refused))} refused{too}",
            looked=len(wanted),
            undecided=""
            if served
            else "No write was acknowledged, so refusals cannot be told from an outage.",
        )


def _left_behind(evidence: Evidence, kind: str, refused: list[Intent]) -> Iterator[str]:
    there = traces(evidence, kind)
    charged = traces(evidence, CHARGES) if kind == BOOKINGS else {}
    for intent in refused:
        if intent.kind == kind and there.get(intent.reference):
            yield f"{intent}; but it is there"
        elif intent.kind == kind and charged.get(intent.reference):
            yield f"{intent}; but it was charged"
