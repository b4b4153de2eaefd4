"""What the checks on the requests of one phase have in common: which they look at, and when there are too few."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checks.wording import SAMPLES_MIN
from lab.judge.statistics import Requests, between, of_ops
from lab.model import Check, CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class PhaseCheck(Check):
    """Looks at all requests that were planned for `phase` but readiness probes, or at those of `ops`."""

    phase: str
    ops: tuple[str, ...] = ()

    def judge(self, evidence: Evidence) -> CheckResult:
        window = evidence.phases.window(self.phase)
        planned = of_ops(between(evidence.requests, *window), evidence.ops, self.ops)
        if len(planned) < self.needed():
            return self.undecided(
                f"Only {len(planned)} requests were planned, at least {self.needed()} are needed."
            )
        return self.look(planned, evidence)

    def needed(self) -> int:
        """How many requests can tell anything."""
        return SAMPLES_MIN

    def look(self, planned: Requests, evidence: Evidence) -> CheckResult:
        """The verdict on these requests."""
        raise NotImplementedError
