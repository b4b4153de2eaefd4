"""LatencyQuantile: how long the slowest few wait. A request without a right answer counts as infinitely slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.of_phase import PhaseCheck
from lab.checks.wording import SAMPLES_MIN, decided, result, whom
from lab.judge.statistics import Requests, carried_by, censored_ms, quantile
from lab.model import CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class LatencyQuantile(PhaseCheck):
    """Over all planned requests. If it falls on one without a right answer, it is infinite."""

    name: ClassVar[str] = "latency quantile"
    quantile: float
    at_most_ms: float

    def title(self) -> str:
        return f"p{100 * self.quantile:g}{whom(self.ops)} at most {self.at_most_ms:g} ms in the {self.phase} phase"

    def needed(self) -> int:
        return max(SAMPLES_MIN, carried_by(self.quantile))

    def look(self, planned: Requests, _evidence: Evidence) -> CheckResult:
        found_ms = quantile(censored_ms(planned), self.quantile)
        share = f"{100 * self.quantile:g} % of {len(planned)} requests{whom(self.ops)}"
        if math.isfinite(found_ms):
            sentence = f"{share} got the right answer within {found_ms:.0f} ms."
        else:
            sentence = f"Fewer than {share} got a right answer at all."
        return result(
            self,
            decided(found_ms <= self.at_most_ms),
            value=found_ms,
            threshold=self.at_most_ms,
            unit="ms",
            sentence=sentence,
            looked=len(planned),
            unreached="no right answer",
        )
