"""The verdict: gates of a run, checks of a twin, and their numbers. verdict.json is a RunVerdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.model.outcomes import Ending, Verdict
from lab.model.shares import percent
from lab.model.twins import Role

ALWAYS_TOLD = (Ending.GOOD, Ending.REFUSED, Ending.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of one check on one twin. `examples` shows what was lost, doubled or late: first, worst, last.

    `looked` is the number of things that it looked at, `unreached` says what an infinite value means.
    """

    check: str
    verdict: Verdict
    value: float | None
    threshold: float | None
    unit: str
    sentence: str
    examples: tuple[str, ...] = ()
    invariant: str = ""  # "I4" … for an invariant, "" for an SLO
    looked: int | None = None
    unreached: str = ""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A validity gate: if one fails the run is invalid, and no verdict is given."""

    name: str
    passed: bool
    value: float | None
    limit: float | None
    unit: str
    sentence: str
    twin: str = ""  # "" where the gate looks at all twins


@dataclass(frozen=True, kw_only=True)
class PhaseNumbers:
    """One twin in one phase. A quantile is None if there are too few requests, infinite if it was never reached."""

    planned: int
    good_ratio: float | None
    goodput_rps: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    endings: Mapping[str, int]  # how many requests ended in each way, by the words of Ending
    statements_per_request: float | None = None
    served_ratio: float | None = None  # good, or told of a conflict in time

    @property
    def tally(self) -> str:
        """What became of the requests: "46 % good, 51 % refused, 3.1 % unknown of 159"."""
        counts = {ending: self.endings.get(ending.word, 0) for ending in Ending}
        told = [
            f"{percent(count / self.planned)} {ending.word}"
            for ending, count in counts.items()
            if self.planned and (count or ending in ALWAYS_TOLD)
        ]
        return f"{', '.join(told) or 'nothing'} of {self.planned}"


@dataclass(frozen=True, kw_only=True)
class TwinNumbers:
    """What happened to one twin, without judging it. `time_to_recover_s` is infinite if it did not recover."""

    phases: Mapping[str, PhaseNumbers]
    time_to_recover_s: float | None = None
    lost_good_s: float | None = None
    cpu_ms_per_request: float | None = None
    schedule_lag_p99_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class TwinVerdict:
    """Everything about one twin. `expected` is None if the scenario expects nothing of it: its service is unknown
    to the scenario, or has other defences than its own.

    The first of its checks is the one that the scenario is about.
    """

    twin: str
    service: str
    role: Role
    verdict: Verdict
    expected: Verdict | None
    checks: tuple[CheckResult, ...]
    numbers: TwinNumbers

    @property
    def about(self) -> CheckResult | None:
        return self.checks[0] if self.checks else None

    @property
    def surprising(self) -> bool:
        """Whether it is not as expected, or is so for another reason than the one that the scenario is about."""
        return self.expected is not None and not self.verdict is self._about is self.expected

    @property
    def contradicts(self) -> bool:
        """Whether it is known not to be as expected, rather than just unknown."""
        found = self.verdict if self.expected is Verdict.HELD else self._about
        return self.surprising and found is not Verdict.INCONCLUSIVE

    @property
    def _about(self) -> Verdict:
        return self.about.verdict if self.about else Verdict.INCONCLUSIVE


@dataclass(frozen=True, kw_only=True)
class RunVerdict:
    """The verdict on a run. `as_expected` is None if the run is invalid.

    `judged_by` is the version of the lab that judged it, if that is another one than made it: it may have other rules.
    """

    run: str
    scenario: str
    valid: bool
    gates: tuple[Gate, ...]
    twins: tuple[TwinVerdict, ...]
    as_expected: bool | None
    sentence: str  # the answer, first thing a reader sees
    judged_by: str = ""
