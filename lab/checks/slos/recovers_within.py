"""RecoversWithin: how long the outage outlasts its cause."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import result
from lab.judge.statistics import (
    HEALTHY_FOR_S,
    HEALTHY_RATIO,
    between,
    is_good,
    of_ops,
    ratio,
    time_to_recover_s,
)
from lab.model import BASELINE, FAULT, RECOVERY, Check, CheckResult, Evidence, percent


@dataclass(frozen=True, kw_only=True)
class RecoversWithin(Check):
    """From the last healing to the second from which on every second of the recovery phase is healthy."""

    name: ClassVar[str] = "recovers within"
    at_most_s: float

    def title(self) -> str:
        return f"recovers within {self.at_most_s:g} s of healing"

    def judge(self, evidence: Evidence) -> CheckResult:
        within_ms = evidence.load.good_within_ms
        healed_s = max(
            (window.off_s for window in evidence.fault_windows), default=evidence.phases.window(FAULT)[1]
        )
        end_s = evidence.phases.window(RECOVERY)[1]
        asked = of_ops(evidence.requests, evidence.ops)
        before = ratio(is_good(between(asked, *evidence.phases.window(BASELINE)), within_ms))
        if not before >= HEALTHY_RATIO:
            return self.undecided("There is no healthy state to recover to: the baseline was not healthy.")
        if end_s - healed_s < max(self.at_most_s, HEALTHY_FOR_S):
            return self.undecided(f"The recovery phase of {end_s - healed_s:.1f} s is too short to judge.")
        took_s = time_to_recover_s(asked, within_ms, healed_s, end_s)
        if took_s is None:
            sentence = f"It had not recovered {end_s - healed_s:.0f} s after healing."
        else:
            share = percent(HEALTHY_RATIO)
            sentence = (
                f"From {took_s:g} s after healing on, at least {share} of requests were good in every second."
            )
        return result(
            self,
            took_s is not None and took_s <= self.at_most_s,
            value=math.inf if took_s is None else took_s,
            threshold=self.at_most_s,
            unit="s",
            sentence=sentence,
        )
