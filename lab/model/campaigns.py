"""A campaign: a set of runs that differ in one thing, and the table that compares them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lab.model.outcomes import Verdict

ALL_ON, NONE_ON = "all", "none"  # choices of defences


class CampaignKind(StrEnum):
    ABLATION = "ablation"  # which defence buys what
    SWEEP = "sweep"  # how both twins answer to a dose


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a campaign: what it is called, and in what it differs from the others."""

    name: str
    defences: str
    settings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """All runs of a campaign, decided beforehand. They share the seed, so that they share the schedule of the load."""

    kind: CampaignKind
    scenario: str
    quick: bool
    runtime: str
    seed: int
    cells: tuple[Cell, ...]

    def same_as(self, other: Campaign) -> bool:
        """Whether the two ask for the same runs, whatever their seeds."""
        return self.asked() == other.asked()

    def asked(self) -> tuple[object, ...]:
        return self.kind, self.scenario, self.quick, self.runtime, self.cells


@dataclass(frozen=True, kw_only=True)
class TwinCell:
    """What became of one twin in one run: its verdict, the sentence that decides it, and numbers of the fault phase."""

    twin: str
    verdict: Verdict
    deciding: str
    planned: int
    good: int  # right and within X
    right: int  # right, at whatever time before the client gave up
    refused: int
    unknown: int  # time-outs included
    p50_ms: float | None
    p95_ms: float | None
    cpu_ms_per_request: float | None  # in the baseline


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """One line of a campaign's table. An invalid run judges nobody: `problem` says why."""

    cell: str
    run: str
    valid: bool
    problem: str
    twins: tuple[TwinCell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a campaign found out, for any place that shows tables."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def without(defence: str) -> str:
    """The choice that leaves one defence out of all."""
    return f"{ALL_ON},-{defence}"


def alone(defence: str) -> str:
    """The choice that has one defence only."""
    return f"{NONE_ON},+{defence}"
