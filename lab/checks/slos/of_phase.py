"""What the checks on the requests of a phase share: which requests they look at, and how many they need."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checks.wording import SAMPLES_MIN, whom
from lab.judge.statistics import Requests, between, of_ops
from lab.model import Check, CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class PhaseCheck(Check):
    """Looks at the requests of `ops` planned for `phase`; without `ops`, at all but readiness probes."""

    phase: str
    ops: tuple[str, ...] = ()

    def judge(self, evidence: Evidence) -> CheckResult:
        window = evidence.phases.window(self.phase)
        planned = of_ops(between(evidence.requests, *window), evidence.ops, self.ops)
        if len(planned) < self.needed():
            return self.undecided(
                f"Only {len(planned)} requests{whom(self.ops)} were planned; at least {self.needed()} are needed.",
                len(planned),
            )
        return self.look(planned, evidence)

    def needed(self) -> int:
        """How many requests it takes to judge."""
        return SAMPLES_MIN

    def look(self, planned: Requests, evidence: Evidence) -> CheckResult:
        """The verdict on these requests."""
        raise NotImplementedError
