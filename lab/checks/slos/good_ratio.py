"""GoodRatio: the share of all planned requests that got the right answer in time. The SLI as an SLO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.of_phase import PhaseCheck
from lab.checks.wording import result, whom
from lab.judge.statistics import Requests, is_good, ratio
from lab.model import CheckResult, Evidence, percent


@dataclass(frozen=True, kw_only=True)
class GoodRatio(PhaseCheck):
    """Good: acknowledged, correct, and within `load.good_within_ms` of the intended instant."""

    name: ClassVar[str] = "good ratio"
    at_least: float

    def title(self) -> str:
        return f"at least {percent(self.at_least)} of requests{whom(self.ops)} good in the {self.phase} phase"

    def look(self, planned: Requests, evidence: Evidence) -> CheckResult:
        good = ratio(is_good(planned, evidence.load.good_within_ms))
        return result(
            self,
            good >= self.at_least,
            value=good,
            threshold=self.at_least,
            unit="share",
            sentence=f"{percent(good)} of {len(planned)} requests{whom(self.ops)} got the right answer "
            f"within {evidence.load.good_within_ms:g} ms.",
        )
