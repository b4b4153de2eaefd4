"""Campaigns of fabricated runs: a manifest and a verdict in each place, and no evidence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.model import (
    BASELINE,
    FAULT,
    RECOVERY,
    WARMUP,
    CheckResult,
    PhaseNumbers,
    Role,
    RunVerdict,
    TwinNumbers,
    TwinVerdict,
    Verdict,
)
from lab.model.campaigns import Cell
from lab.record import RunWriter, write_verdict
from tests.fabricated.evidence import a_manifest, a_scenario

COUNTS = {"good": 90, "late": 5, "conflict": 1, "refused": 2, "failed": 0, "unknown": 2, "wrong": 0}


def verdict(treatment: Verdict, *, valid: bool = True) -> RunVerdict:
    def twin(name: str, role: Role, judged: Verdict) -> TwinVerdict:
        phase = PhaseNumbers(
            planned=100,
            good_ratio=0.9,
            goodput_rps=9.0,
            p50_ms=12.0,
            p95_ms=float("inf"),
            p99_ms=None,
            endings=COUNTS,
        )
        check = CheckResult(
            check="c", verdict=judged, value=1, threshold=1, unit="", sentence=f"{name} was {judged}."
        )
        numbers = TwinNumbers(phases=dict.fromkeys((WARMUP, BASELINE, FAULT, RECOVERY), phase))
        return TwinVerdict(
            twin=name,
            service=name,
            role=role,
            verdict=judged,
            expected=None,
            checks=(check,),
            numbers=numbers,
        )

    twins = (twin("old", Role.CONTROL, Verdict.BROKEN), twin("new", Role.TREATMENT, treatment))
    return RunVerdict(
        run="r", scenario="s99", valid=valid, gates=(), twins=twins, as_expected=None, sentence="Because."
    )


def judged_as(
    choose: Callable[[Cell], Verdict], made: list[str], *, valid: bool = True, commit: str = "0123456"
) -> Callable[..., RunVerdict]:
    """A run that leaves a verdict in its place, and is counted."""

    def perform(cell: Cell, place: Callable[[], Path]) -> RunVerdict:
        folder = place()
        made.append(cell.name)
        RunWriter(folder).manifest(a_manifest(a_scenario(), commit=commit))
        write_verdict(folder, judged := verdict(choose(cell), valid=valid))
        return judged

    return perform
