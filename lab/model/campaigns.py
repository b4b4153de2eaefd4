"""A campaign: a set of runs that differ in one thing, and the table that compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lab.model.outcomes import Verdict

ALL_ON, NONE_ON = "all", "none"  # choices of defences


class CampaignKind(StrEnum):
    ABLATION = "ablation"  # which defence makes the difference
    SWEEP = "sweep"  # how the twins respond as one parameter changes
    ALTERNATION = "alternation"  # the twins in turn, each with the machine to itself


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a campaign: its name, and how it differs from the others."""

    name: str
    defences: str
    settings: tuple[str, ...]
    twins: tuple[str, ...] = ()  # the services of the run; those of the workload if none is named


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """All runs of a campaign, decided beforehand. They share the seed, and so the schedule of the load."""

    kind: CampaignKind
    scenario: str
    quick: bool
    runtime: str
    seed: int
    cells: tuple[Cell, ...]

    def same_as(self, other: Campaign) -> bool:
        """Whether both consist of the same runs, whatever their seeds."""
        return self.asked() == other.asked()

    def asked(self) -> tuple[object, ...]:
        return self.kind, self.scenario, self.quick, self.runtime, self.cells


@dataclass(frozen=True, kw_only=True)
class TwinCell:
    """One twin in one run: its verdict, the sentence that decides it, and numbers of the fault phase."""

    twin: str
    verdict: Verdict
    deciding: str
    planned: int
    good: int  # right and within X
    right: int  # right, at any time before the client gave up
    conflict: int
    refused: int
    failed: int
    unknown: int
    p50_ms: float | None
    p95_ms: float | None
    cpu_ms_per_request: float | None  # in the baseline


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """One line of a campaign's table. If the run is invalid, `problem` says why."""

    cell: str
    run: str
    valid: bool
    problem: str
    twins: tuple[TwinCell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The results of a campaign, for anything that shows tables."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one run of an ablation showed about the twin whose defences were switched, and where it was made."""

    defences: str  # those that were on; also the name of its cell
    verdict: str  # held, broken, inconclusive or "invalid"
    sentence: str  # with the number that decided, or the gate that failed
    commit: str
    runtime: str
    day: str


@dataclass(frozen=True, kw_only=True)
class Ablated:
    """What an ablation has found so far, short enough to keep when its runs are gone."""

    campaign: str  # its folder's name, which begins with its time
    scenario: str
    twin: str
    quick: bool
    seed: int
    asked: tuple[str, ...]  # the defences of all its runs, including runs not made yet
    told: tuple[Told, ...]

    def of(self, defences: str) -> Told | None:
        """The result of the run with these `defences`; None if it has not been made."""
        return next((told for told in self.told if told.defences == defences), None)


def ablation_choices(defences: Sequence[str]) -> list[str]:
    """The runs of an ablation over `defences`: all, none, then each left out of all and each alone."""
    return [ALL_ON, NONE_ON, *(choice(name) for name in defences for choice in (without, alone))]


def without(defence: str) -> str:
    """The choice that leaves one defence out of all."""
    return f"{ALL_ON},-{defence}"


def alone(defence: str) -> str:
    """The choice that has one defence only."""
    return f"{NONE_ON},+{defence}"
