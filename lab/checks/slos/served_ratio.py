"""ServedRatio: the share of requests that were served, in a load where some must lose to somebody who was first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.shares import ShareCheck, needed_for, so_many
from lab.checks.wording import whom
from lab.judge.statistics import Requests, is_sound
from lab.model import CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class ServedRatio(ShareCheck):
    """Served: good, or told of a conflict (409, 412) in time. Whether the conflict is real is for I16 to judge."""

    name: ClassVar[str] = "served ratio"
    at_least: float

    def title(self) -> str:
        return f"{so_many(self.at_least)}{whom(self.ops)} served in the {self.phase} phase"

    def needed(self) -> int:
        return needed_for(self.at_least)

    def look(self, planned: Requests, evidence: Evidence) -> CheckResult:
        within_ms = evidence.load.good_within_ms
        told = (
            f"of {len(planned)} requests{whom(self.ops)} got the right answer, or were told of a conflict, "
            f"within {within_ms:g} ms"
        )
        return self.judged(planned, is_sound(planned, within_ms), told, least=self.at_least)
