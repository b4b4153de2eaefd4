"""A scenario, which is a failure story as a value; and what a check is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from lab.errors import LabError
from lab.model.evidence import Evidence
from lab.model.faults import Fault
from lab.model.load import Load
from lab.model.outcomes import Verdict
from lab.model.phases import FULL, QUICK, Phases
from lab.model.topology import Topology
from lab.model.verdicts import CheckResult


@dataclass(frozen=True, kw_only=True)
class Check:
    """Judges one twin from its evidence. Subclasses are in lab/checks, one per file; they are pure."""

    name: ClassVar[str]
    invariant: ClassVar[str] = ""

    def title(self) -> str:
        """The claim in words, with its threshold."""
        raise NotImplementedError

    def judge(self, evidence: Evidence) -> CheckResult:
        """The verdict on one twin. An exception raised here is reported as inconclusive, never as held."""
        raise NotImplementedError

    def undecided(self, why: str, looked: int | None = None) -> CheckResult:
        """Inconclusive, for the reason `why`, a sentence; `looked` is the number of things looked at."""
        return CheckResult(
            check=self.title(),
            verdict=Verdict.INCONCLUSIVE,
            value=None,
            threshold=None,
            unit="",
            sentence=why,
            invariant=self.invariant,
            looked=looked,
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to predict before the run: choices by letter, the right one, and the arithmetic that leads to it."""

    text: str
    choices: Mapping[str, str]
    answer: str
    because: str

    def said(self, letter: str) -> str:
        """A choice in words: "b: 300 ms"."""
        return f"{letter}: {self.choices[letter]}"

    def chosen(self, letter: str) -> str:
        """`letter` as the choices have it, whatever its case. Raises LabError if it is none of them."""
        if letter.lower() not in self.choices:
            raise LabError(
                f"There is no choice {letter!r}. The choices are: {'; '.join(map(self.said, self.choices))}."
            )
        return letter.lower()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The load, what breaks, what must still be true, and the verdict expected of each service.

    The first of `checks` is the one that the scenario is about: a run is as expected only if that one decided it.
    """

    name: str
    title: str
    hypothesis: str
    mirrors: str  # the outage it mirrors, with its source
    load: Load
    question: Question | None = (
        None  # for students, to answer before they run it; each of the catalogue has one
    )
    workload: str = "booking"
    topology: Topology = field(default_factory=Topology)
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the seed data, if not the workload's own
    faults: tuple[Fault, ...] = ()
    checks: tuple[Check, ...] = ()
    expected: Mapping[str, Verdict] = field(
        default_factory=dict
    )  # by service; nothing is expected of one that is not named
    baseline_good_min: float = 0.99  # below it a run is invalid: the twin was unhealthy from the start
    baseline_alike: float = (
        2.0  # before anything breaks, a twin's median latency is at most this many times the fastest one's
    )
    defences: tuple[str, ...] = ()  # that make the difference here; an ablation switches these
    lesson: str = ""  # the defences that make the difference, in one sentence
    code: tuple[str, ...] = ()  # that differs: "profiles.save", "schema.indexes", "defences.deadline.left_s"
    full: Phases = FULL
    quick: Phases = QUICK
