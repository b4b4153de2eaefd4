"""CleanRefusals: a request that cannot be served is refused, and told that nothing was done.

A bare 500, a reset or a timeout leaves the caller in doubt: asking again may do it twice, not asking may lose it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.shares import ShareCheck, needed_for
from lab.checks.wording import whom
from lab.judge.statistics import Requests
from lab.model import CheckResult, Evidence, Failure, Outcome, percent


@dataclass(frozen=True, kw_only=True)
class CleanRefusals(ShareCheck):
    """At most the share `at_most` may have taken effect without an answer that says so. A read never does."""

    name: ClassVar[str] = "clean refusals"
    at_most: float

    def title(self) -> str:
        most = f"at most {percent(self.at_most)} of requests" if self.at_most else "no request"
        return f"{most}{whom(self.ops)} left in doubt in the {self.phase} phase"

    def needed(self) -> int:
        return needed_for(1 - self.at_most)

    def look(self, planned: Requests, _evidence: Evidence) -> CheckResult:
        doubt = planned["outcome"] == Outcome.UNKNOWN
        told = f"of {len(planned)} requests{whom(self.ops)} were left in doubt{_how(planned[doubt])}"
        return self.judged(planned, doubt, told, most=self.at_most)


def _how(doubtful: Requests) -> str:
    """How they ended, the most common first: " (80 × status 500, 3 × timeout)"."""
    ends = Counter(
        f"status {status}" if failure == Failure.NONE else Failure(failure).name.lower()
        for failure, status in zip(doubtful["failure"].tolist(), doubtful["status"].tolist(), strict=True)
    )
    parts = [f"{count} × {end.replace('_', ' ')}" for end, count in ends.most_common(3)]
    return f" ({', '.join(parts)})" if parts else ""
