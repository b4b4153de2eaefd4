"""RecoversWithin: how long the outage outlasts its cause."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import decided, result
from lab.judge.recovery import HEALTHY_FOR_S, Recovery, recovery
from lab.judge.statistics import asked, between
from lab.model import RECOVERY, Check, CheckResult, Evidence


@dataclass(frozen=True, kw_only=True)
class RecoversWithin(Check):
    """From the last healing to the first five seconds in a row that are as good as the baseline."""

    name: ClassVar[str] = "recovers within"
    at_most_s: float

    def title(self) -> str:
        return f"recovers within {self.at_most_s:g} s of healing"

    def judge(self, evidence: Evidence) -> CheckResult:
        looked = len(between(asked(evidence), *evidence.phases.window(RECOVERY)))
        back = recovery(evidence)
        held = back.took_s <= self.at_most_s
        if back.why_unknown:
            return self.undecided(back.why_unknown, looked)
        if math.isinf(back.took_s) and back.seen_s < self.at_most_s + HEALTHY_FOR_S - back.bin_s:
            return self.undecided(
                f"The recovery phase of {back.seen_s:.1f} s is too short to see {HEALTHY_FOR_S:g} healthy seconds "
                f"after {self.at_most_s:g} s.",
                looked,
            )
        return result(
            self,
            decided(held),
            value=back.took_s,
            threshold=self.at_most_s,
            unit="s",
            sentence=_told(back),
            looked=looked,
            unreached="not recovered",
        )


def _told(back: Recovery) -> str:
    if math.isinf(back.took_s):
        return f"It had not recovered {back.seen_s:.0f} s after healing."
    later = f"; later it was unhealthy again for {back.ill_later_s:g} s" if back.ill_later_s else ""
    return f"It was healthy for {HEALTHY_FOR_S:g} s in a row, from {back.took_s:g} s after healing{later}."
