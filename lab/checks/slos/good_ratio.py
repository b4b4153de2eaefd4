"""GoodRatio: the share of all planned requests that got the right answer in time. The SLI as an SLO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.shares import ShareCheck, needed_for, so_many
from lab.checks.wording import whom
from lab.judge.statistics import Requests, is_good
from lab.model import CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class GoodRatio(ShareCheck):
    """Good: acknowledged, correct, and within `load.good_within_ms` of the intended instant."""

    name: ClassVar[str] = "good ratio"
    at_least: float

    def title(self) -> str:
        return f"{so_many(self.at_least)}{whom(self.ops)} good in the {self.phase} phase"

    def needed(self) -> int:
        return needed_for(self.at_least)

    def look(self, planned: Requests, evidence: Evidence) -> CheckResult:
        within_ms = evidence.load.good_within_ms
        told = f"of {len(planned)} requests{whom(self.ops)} got the right answer within {within_ms:g} ms"
        return self.judged(planned, is_good(planned, within_ms), told, least=self.at_least)
