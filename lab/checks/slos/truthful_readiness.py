"""TruthfulReadiness: the readiness probe says "not ready" while the service cannot serve, and "ready" afterwards.

A load balancer believes it: a false "ready" sends users to a dead instance, a false "not ready" wastes capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import decided, result
from lab.judge.statistics import READINESS, Requests, between, of_ops
from lab.lazily import np
from lab.model import RECOVERY, Check, CheckResult, Evidence

READY = 200
PROBES_MIN = 3


@dataclass(frozen=True, kw_only=True)
class TruthfulReadiness(Check):
    """From `at_most_s` after injection no probe gets "ready"; from `back_after_s` after healing, every one does.

    No answer counts as "not ready", as it does for a load balancer.
    """

    name: ClassVar[str] = "truthful readiness"
    at_most_s: float
    back_after_s: float = 5.0  # as long as a twin may take to recover

    def title(self) -> str:
        return f"readiness probes answer truthfully, at most {self.at_most_s:g} s late"

    def judge(self, evidence: Evidence) -> CheckResult:
        asked = of_ops(evidence.requests, evidence.ops, (READINESS,))
        windows = [
            _settled(between(asked, window.on_s + self.at_most_s, window.off_s), window.off_s)
            for window in evidence.fault_windows
        ]
        during = np.concatenate(windows) if windows else asked[:0]
        healed_s = max((window.off_s for window in evidence.fault_windows), default=0.0)
        last = between(asked, healed_s + self.back_after_s, evidence.phases.window(RECOVERY)[1])
        false_yes, false_no = int(_ready(during).sum()), int((~_ready(last)).sum())
        if not (false_yes or false_no) and min(len(during), len(last)) < PROBES_MIN:
            return self.undecided(
                f"Only {len(during)} readiness probes counted during the fault and {len(last)} at the end; at least "
                f"{PROBES_MIN} of each are needed.",
            )
        return result(
            self,
            decided(not false_yes and not false_no),
            value=false_yes + false_no,
            threshold=0,
            unit="false answers",
            sentence=f'{false_yes} of {len(during)} probes were told "ready" during the fault, and {false_no} of '
            f'{len(last)} "not ready" more than {self.back_after_s:g} s after healing.',
            looked=len(during) + len(last),
        )


def _settled(asked: Requests, healed_s: float) -> Requests:
    """`asked` without the probes that were told "ready" after healing: by then it was true."""
    settled: Requests = asked[~(_ready(asked) & (asked["end"] > healed_s))]
    return settled


def _ready(asked: Requests) -> Requests:
    ready: Requests = asked["status"] == READY
    return ready
