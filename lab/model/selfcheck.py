"""The checker checked: cases in which the right answer is known beforehand, and what the lab said of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class CaseKind(StrEnum):
    """What is done to the lab."""

    SAME = "same"  # the same twin twice: both must get the same verdict
    EFFECT = "effect"  # a difference of known size, planted in one of two equal twins
    MUTANT = "mutant"  # one place of the hardened twin's source is made wrong
    SABOTAGE = "sabotage"  # somebody interferes with a run


class Finding(StrEnum):
    """How a case ended."""

    CAUGHT = "caught"  # by the check, gate or number that must tell
    ELSEWHERE = "told by another"
    SURVIVED = "not noticed"
    DORMANT = "never ran"  # the code in question: the case proves nothing
    UNDECIDED = "undecided"  # the run did not end, the machine spoiled it, or too little was seen


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One place of the source: `old` stands there once and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """What is done to a run in progress, `after_s` seconds into `phase`; or to its folder when it has ended."""

    act: str
    phase: str
    after_s: float = 0.0
    for_s: float = 0.0
    of: str = ""  # which process or link
    ms: int = 100  # of a toxic


@dataclass(frozen=True, kw_only=True)
class Case:
    """One trial of the checker. `caught_by` names the check, gate or number that must tell; "" in an A/A run."""

    name: str
    kind: CaseKind
    why: str  # what is wrong, as a sentence
    scenario: str
    caught_by: str = ""
    twins: tuple[str, ...] = ("hardened",)
    settings: tuple[str, ...] = ()
    quick: bool = False  # also in a quick self-check
    mutation: Mutation | None = None
    sabotage: Sabotage | None = None
    rise: tuple[float, float] | None = None  # between which two values the number must rise
    # What shows that the gate or check that is named failed because of what was done, and of nothing else: words of its
    # sentence, and between which two values a gate must lie.
    says: str = ""
    value: tuple[float, float] | None = None
    equivalent: str = ""  # why nobody could notice: then it must survive
    silent: tuple[str, ...] = ()  # where nothing is changed: the checks that must not break
    awaits: str = ""  # the scenario to come that can see it: until then it does not count

    @property
    def counts(self) -> bool:
        return not self.equivalent and not self.awaits


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What became of a case. `told` names all gates or checks that caught something, the right one or not."""

    case: str
    finding: Finding
    sentence: str
    told: tuple[str, ...] = ()
    run: str = ""
    took_s: float = 0.0
    commit: str = ""
    day: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """For one kind: how many cases count, how many of these were tried, and how many were caught."""

    kind: CaseKind
    cases: int
    tried: int
    caught: int


def scores(cases: Sequence[Case], results: Iterable[CaseResult]) -> tuple[Score, ...]:
    """One score for each kind of which there are cases."""
    found = {result.case: result.finding for result in results}
    return tuple(_score(kind, cases, found) for kind in CaseKind if any(case.kind is kind for case in cases))


def as_it_must(case: Case, result: CaseResult) -> bool:
    """Whether `result` is what the case must come to; one that awaits a scenario may come to anything."""
    if case.awaits:
        return True
    return result.finding is (Finding.SURVIVED if case.equivalent else Finding.CAUGHT)


def _score(kind: CaseKind, cases: Sequence[Case], found: dict[str, Finding]) -> Score:
    mine = [case.name for case in cases if case.kind is kind and case.counts]
    tried = [found[name] for name in mine if name in found and found[name] is not Finding.UNDECIDED]
    return Score(kind=kind, cases=len(mine), tried=len(tried), caught=tried.count(Finding.CAUGHT))
