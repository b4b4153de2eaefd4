"""CleanRefusals: a request that cannot be served is refused, and told that nothing was done.

A bare 500, a reset or a timeout leaves the caller in doubt: asking again may do it twice, not asking may lose it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lab.checks.slos.of_phase import PhaseCheck
from lab.checks.wording import result, whom
from lab.judge.statistics import Mask, Requests, is_wrong, ratio
from lab.model import CheckResult, Evidence, Failure, Outcome, percent


@dataclass(frozen=True, kw_only=True)
class CleanRefusals(PhaseCheck):
    """At most the share `at_most` ends without a right answer and without a refusal that says nothing was done."""

    name: ClassVar[str] = "clean refusals"
    at_most: float

    def title(self) -> str:
        return f"at most {percent(self.at_most)} of requests{whom(self.ops)} left in doubt in the {self.phase} phase"

    def look(self, planned: Requests, _evidence: Evidence) -> CheckResult:
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
    """How they ended, the most common first: " (80 × status 500, 3 × timeout)"."""
    ends = Counter(
        f"status {request['status']}"
        if request["failure"] == Failure.NONE
        else Failure(int(request["failure"])).name.lower()
        for request in doubtful
    )
    parts = [f"{count} × {end.replace('_', ' ')}" for end, count in ends.most_common(3)]
    return f" ({', '.join(parts)})" if parts else ""
