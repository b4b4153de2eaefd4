"""LatencyQuantile: how long the slowest few wait, every request without a right answer being infinitely slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import SAMPLES_MIN, result, undecided, whom
from lab.judge.statistics import between, censored_ms, of_ops, quantile
from lab.model import Check, CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class LatencyQuantile(Check):
    """Over all planned requests. Where the quantile falls on one without a right answer it is infinite."""

    name: ClassVar[str] = "latency quantile"
    phase: str
    quantile: float
    at_most_ms: float
    ops: tuple[str, ...] = ()

    def title(self) -> str:
        return f"p{100 * self.quantile:g}{whom(self.ops)} at most {self.at_most_ms:g} ms in the {self.phase} phase"

    def judge(self, evidence: Evidence) -> CheckResult:
        planned = of_ops(
            between(evidence.requests, *evidence.phases.window(self.phase)), evidence.ops, self.ops
        )
        needed = max(SAMPLES_MIN, math.ceil(1 / max(1 - self.quantile, 1e-9) - 1e-9))
        if len(planned) < needed:
            return undecided(
                self, f"Only {len(planned)} requests were planned, at least {needed} are needed."
            )
        found_ms = quantile(censored_ms(planned), self.quantile)
        share = f"{100 * self.quantile:g} % of {len(planned)} requests{whom(self.ops)}"
        if math.isfinite(found_ms):
            sentence = f"{share} got the right answer within {found_ms:.0f} ms."
        else:
            sentence = f"Fewer than {share} got a right answer at all."
        return result(
            self,
            found_ms <= self.at_most_ms,
            value=found_ms,
            threshold=self.at_most_ms,
            unit="ms",
            sentence=sentence,
        )
