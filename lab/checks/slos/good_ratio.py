"""GoodRatio: the share of all planned requests that got the right answer in time. The SLI as an SLO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import SAMPLES_MIN, result, undecided, whom
from lab.judge.statistics import between, is_good, of_ops, ratio
from lab.model import Check, CheckResult, Evidence, percent


@dataclass(frozen=True, kw_only=True)
class GoodRatio(Check):
    """Good: acknowledged, correct, and within `load.good_within_ms` of the intended instant."""

    name: ClassVar[str] = "good ratio"
    phase: str
    at_least: float
    ops: tuple[str, ...] = ()

    def title(self) -> str:
        return f"at least {percent(self.at_least)} of requests{whom(self.ops)} good in the {self.phase} phase"

    def judge(self, evidence: Evidence) -> CheckResult:
        within_ms = evidence.load.good_within_ms
        planned = of_ops(
            between(evidence.requests, *evidence.phases.window(self.phase)), evidence.ops, self.ops
        )
        if len(planned) < SAMPLES_MIN:
            return undecided(
                self, f"Only {len(planned)} requests were planned, at least {SAMPLES_MIN} are needed."
            )
        good = ratio(is_good(planned, within_ms))
        return result(
            self,
            good >= self.at_least,
            value=good,
            threshold=self.at_least,
            unit="share",
            sentence=f"{percent(good)} of {len(planned)} requests{whom(self.ops)} got the right answer "
            f"within {within_ms:g} ms.",
        )
