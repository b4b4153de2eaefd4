"""RetryAfter: whoever is refused because the service is unavailable (503) is told when to come back.

Clients who are told nothing come back at once, and together: the service meets them all when it can least bear it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.shares import ShareCheck
from lab.checks.wording import LOOKED_MIN, whom
from lab.judge.statistics import Requests
from lab.model import CheckResult, Evidence

UNAVAILABLE = 503
TELLS_WHEN = 8  # bit of `flags`


@dataclass(frozen=True, kw_only=True)
class RetryAfter(ShareCheck):
    """Every 503 has a Retry-After header that names a later instant."""

    name: ClassVar[str] = "retry after"

    def title(self) -> str:
        return f"every 503{whom(self.ops)} in the {self.phase} phase said when to try again"

    def look(self, planned: Requests, _evidence: Evidence) -> CheckResult:
        unavailable = planned[planned["status"] == UNAVAILABLE]
        if len(unavailable) < LOOKED_MIN:
            return self.undecided(f"Only {len(unavailable)} requests got a 503: too few to say anything.")
        told = f"of {len(unavailable)} answers with status 503 said when to try again"
        return self.judged(unavailable, (unavailable["flags"] & TELLS_WHEN) != 0, told, least=1.0)
