"""What the checks on a share of requests have in common: how many they need, and when they are too few to tell."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checks.slos.of_phase import PhaseCheck
from lab.checks.wording import SAMPLES_MIN, decided, result
from lab.judge.statistics import Mask, Requests, carried_by, ratio, ratio_interval
from lab.model import CheckResult, Verdict, percent


@dataclass(frozen=True, kw_only=True)
class ShareCheck(PhaseCheck):
    """Judged by how it varies from second to second, a share clearly keeps its limit, clearly breaks it, or leaves it
    open: its 95 % interval contains the limit. A limit of all or none is never left open.
    """

    def judged(
        self, planned: Requests, mask: Mask, told: str, *, least: float = 0.0, most: float = 1.0
    ) -> CheckResult:
        """The share of `mask` must be from `least` to `most`; `told` says what it is a share of, without the number."""
        share, limit = ratio(mask), least if least > 0 else most
        low, high = ratio_interval(planned, mask)
        unclear = low < limit < high and limit not in (0, 1)
        why = (
            f"; the 95 % interval of this share, {percent(low)} to {percent(high)}, contains the limit of "
            f"{percent(limit)}: too few or too uneven requests to tell"
        )
        return result(
            self,
            Verdict.INCONCLUSIVE if unclear else decided(least <= share <= most),
            value=share,
            threshold=limit,
            unit="share",
            sentence=f"{percent(share)} {told}{why if unclear else ''}.",
            looked=len(planned),
        )


def needed_for(limit: float) -> int:
    """How many requests it takes to judge a share against `limit`: as many as for that quantile."""
    return max(SAMPLES_MIN, carried_by(limit))


def so_many(at_least: float) -> str:
    return "every request" if at_least == 1 else f"at least {percent(at_least)} of requests"
