"""AnswersWithin: every request, or a share of them, gets some answer in time. A refusal counts; silence does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.slos.of_phase import PhaseCheck
from lab.checks.slos.shares import needed_for, so_many
from lab.checks.wording import SAMPLES_MIN, capped, decided, result, whom
from lab.judge.statistics import Mask, Numbers, Requests, is_answered, latency_ms, quantile
from lab.lazily import np
from lab.model import CheckResult, Evidence, Failure


@dataclass(frozen=True, kw_only=True)
class AnswersWithin(PhaseCheck):
    """Judges the wait that `share` of the requests do not exceed, from the intended instant; silence is infinite."""

    name: ClassVar[str] = "answers within"
    at_most_ms: float
    share: float = 1.0

    def title(self) -> str:
        return f"{so_many(self.share)}{whom(self.ops)} answered within {self.at_most_ms:g} ms in the {self.phase} phase"

    def needed(self) -> int:
        return needed_for(self.share) if self.share < 1 else SAMPLES_MIN

    def look(self, planned: Requests, evidence: Evidence) -> CheckResult:
        waited_ms = np.where(is_answered(planned), latency_ms(planned), np.inf)
        late = waited_ms > self.at_most_ms
        slowest_ms = quantile(waited_ms, self.share)
        return result(
            self,
            decided(slowest_ms <= self.at_most_ms),
            value=slowest_ms,
            threshold=self.at_most_ms,
            unit="ms",
            sentence=f"{np.count_nonzero(~late)} of {len(planned)} requests{whom(self.ops)} got an answer of any "
            f"kind within {self.at_most_ms:g} ms; {_others(waited_ms, late)}.",
            looked=len(planned),
            unreached="no answer",
            examples=_examples(planned[late], evidence.ops),
        )


def _others(waited_ms: Numbers, late: Mask) -> str:
    """What became of those that were late: an answer after all, if only an error, or none."""
    if silent := np.count_nonzero(np.isinf(waited_ms)):
        return f"{np.count_nonzero(late) - silent} got one later, {silent} got none at all"
    return f"the slowest took {waited_ms.max():.0f} ms"


def _examples(late: Requests, ops: tuple[str, ...]) -> tuple[str, ...]:
    """First, worst and last of the late ones."""
    chosen = sorted({0, int(latency_ms(late).argmax()), len(late) - 1}) if len(late) else []
    return capped(_example(late[n], ops) for n in chosen)


def _example(request: Requests, ops: tuple[str, ...]) -> str:
    waited_ms = (request["end"] - request["intended"]) * 1000
    failure = Failure(int(request["failure"]))
    ended = (
        f"status {request['status']}" if failure == Failure.NONE else failure.name.lower().replace("_", " ")
    )
    who = f"{ops[request['op']]} no. {request['i']}, due at {request['intended']:.2f} s"
    return f"{who}: {ended} after {waited_ms:.0f} ms"
