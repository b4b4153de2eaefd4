"""TruthfulReadiness: the readiness probe says no while the service cannot serve, and yes again afterwards.

A load balancer believes it: a false yes sends users into the wall, a false no keeps capacity away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lab.checks.wording import result
from lab.judge.statistics import READINESS, Requests, between, of_ops
from lab.model import RECOVERY, Check, CheckResult, Evidence

READY = 200
PROBES_MIN = 3


@dataclass(frozen=True, kw_only=True)
class TruthfulReadiness(Check):
    """Later than `at_most_s` after injection no probe says ready, and the last ones of recovery do.

    No answer is a no: that is how a load balancer takes it.
    """

    name: ClassVar[str] = "truthful readiness"
    at_most_s: float

    def title(self) -> str:
        return f"readiness tells the truth, at most {self.at_most_s:g} s late"

    def judge(self, evidence: Evidence) -> CheckResult:
        asked = of_ops(evidence.requests, evidence.ops, (READINESS,))
        windows = [
            _settled(between(asked, window.on_s + self.at_most_s, window.off_s), window.off_s)
            for window in evidence.fault_windows
        ]
        during = np.concatenate(windows) if windows else asked[:0]
        last = between(asked, *evidence.phases.window(RECOVERY))[-PROBES_MIN:]
        if min(len(during), len(last)) < PROBES_MIN:
            return self.undecided(
                f"Readiness was asked {len(during)} times in the fault and {len(last)} times at the end.",
            )
        false_yes, false_no = int(_ready(during).sum()), int((~_ready(last)).sum())
        back = "and was ready again at the end" if not false_no else "and was not ready again at the end"
        return result(
            self,
            not false_yes and not false_no,
            value=false_yes + false_no,
            threshold=0,
            unit="false answers",
            sentence=f"{false_yes} of {len(during)} probes were told that it is ready while it was not, {back}.",
        )


def _settled(asked: Requests, healed_s: float) -> Requests:
    """Without those that were told yes after the healing: they waited, and by then it was true."""
    settled: Requests = asked[~(_ready(asked) & (asked["end"] > healed_s))]
    return settled


def _ready(asked: Requests) -> Requests:
    ready: Requests = asked["status"] == READY
    return ready
