"""I1, no lost acknowledgement: every write that was acknowledged, and not cancelled since, is there at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.effects import effects
from lab.workload.booking.history import intents, nothing_acknowledged, summary


@dataclass(frozen=True, kw_only=True)
class NoLostAcks(Check):
    name: ClassVar[str] = "no lost acknowledgements"
    invariant: ClassVar[str] = "I1"

    def title(self) -> str:
        return "every acknowledged write is there at the end"

    def judge(self, evidence: Evidence) -> CheckResult:
        wanted = intents(evidence)
        acked = [intent for intent in wanted if intent.acked and intent.effects[0]]
        there = {kind: effects(evidence, kind) for kind in {intent.kind for intent in acked}}
        lost = [
            f"{intent}; nothing is there" for intent in acked if not there[intent.kind].get(intent.reference)
        ]
        return counted(
            self,
            lost,
            "lost acknowledgement",
            "lost acknowledgements",
            among=f"{summary(acked)} that were acknowledged",
            looked=len(acked),
            undecided=nothing_acknowledged(wanted, "write", "nothing could have been lost"),
        )
