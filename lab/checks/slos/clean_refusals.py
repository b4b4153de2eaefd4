"""CleanRefusals: a request that cannot be served is refused, and told that nothing was done.

After a bare 500, a reset or a timeout the outcome is unknown: asking again may do it twice, not asking may lose it.
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
    """At most the share `at_most` may have an unknown outcome. That of a read never is."""

    name: ClassVar[str] = "clean refusals"
    at_most: float

    def title(self) -> str:
        most = f"at most {percent(self.at_most)} of requests" if self.at_most else "no request"
        return f"{most}{whom(self.ops)} with an unknown outcome in the {self.phase} phase"

    def needed(self) -> int:
        return needed_for(1 - self.at_most)

    def look(self, planned: Requests, _evidence: Evidence) -> CheckResult:
        unknown = planned["outcome"] == Outcome.UNKNOWN
        told = f"of {len(planned)} requests{whom(self.ops)} had an unknown outcome{_how(planned[unknown])}"
        return self.judged(planned, unknown, told, most=self.at_most)


def _how(unknown: Requests) -> str:
    """How they ended, the most common first: " (80 × status 500, 3 × timeout)"."""
    ends = Counter(
        f"status {status}" if failure == Failure.NONE else Failure(failure).name.lower()
        for failure, status in zip(unknown["failure"].tolist(), unknown["status"].tolist(), strict=True)
    )
    parts = [f"{count} × {end.replace('_', ' ')}" for end, count in ends.most_common(3)]
    return f" ({', '.join(parts)})" if parts else ""
