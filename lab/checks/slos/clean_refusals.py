"""CleanRefusals: whoever cannot be served is told so, and told that nothing was done.

A bare 500, a reset or a time-out leaves the caller in doubt: to ask again may do it twice, not to ask may lose it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lab.checks.wording import SAMPLES_MIN, result, undecided, whom
from lab.judge.statistics import Mask, Requests, between, is_wrong, of_ops, ratio
from lab.model import Check, CheckResult, Evidence, Failure, Outcome, percent


@dataclass(frozen=True, kw_only=True)
class CleanRefusals(Check):
    """At most the share `at_most` ends neither in a right answer nor in a refusal that says nothing was done."""

    name: ClassVar[str] = "clean refusals"
    phase: str
    at_most: float
    ops: tuple[str, ...] = ()

    def title(self) -> str:
        return f"at most {percent(self.at_most)} of requests{whom(self.ops)} left in doubt in the {self.phase} phase"

    def judge(self, evidence: Evidence) -> CheckResult:
        planned = of_ops(
            between(evidence.requests, *evidence.phases.window(self.phase)), evidence.ops, self.ops
        )
        if len(planned) < SAMPLES_MIN:
            return undecided(
                self, f"Only {len(planned)} requests were planned, at least {SAMPLES_MIN} are needed."
            )
        doubt = _in_doubt(planned)
        share = ratio(doubt)
        return result(
            self,
            share <= self.at_most,
            value=share,
            threshold=self.at_most,
            unit="share",
            sentence=f"{percent(share)} of {len(planned)} requests{whom(self.ops)} were left in doubt"
            f"{_how(planned[doubt])}.",
        )


def _in_doubt(planned: Requests) -> Mask:
    """Neither served nor refused."""
    return np.asarray((planned["outcome"] == Outcome.UNKNOWN) | is_wrong(planned), dtype=np.bool_)


def _how(doubtful: Requests) -> str:
    """What they got instead, the most common first: " (80 × status 500, 3 × timeout)"."""
    ends = Counter(
        f"status {request['status']}"
        if request["failure"] == Failure.NONE
        else Failure(int(request["failure"])).name.lower()
        for request in doubtful
    )
    parts = [f"{count} × {end.replace('_', ' ')}" for end, count in ends.most_common(3)]
    return f" ({', '.join(parts)})" if parts else ""
