"""The tables of numbers: what lab.judge.verdict described of each twin, both twins side by side in each phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.model import BASELINE, FAULT, HARDENED, NAIVE, RECOVERY, RunVerdict
from reports import words

SHOWN_PHASES = (BASELINE, FAULT, RECOVERY)
Rows = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class NumbersTable:
    """`by_phase` has a cell for each phase and twin, `by_run` one for each twin; `cost` is the price of hardening."""

    twins: tuple[str, ...]
    phases: tuple[str, ...]
    by_phase: Rows
    by_run: Rows
    cost: str


def numbers_table(verdict: RunVerdict) -> NumbersTable:
    """The tables of a run; without rows where nothing was described."""
    numbers = {twin.twin: twin.numbers for twin in verdict.twins if twin.numbers.get("phases")}

    each_phase: Mapping[str, tuple[str, Callable[[Any], str]]] = {
        "planned": ("requests planned", _count),
        "good_ratio": ("good ÷ planned", words.percent),
        "goodput_rps": ("good per second", _decimal),
        "p50_ms": ("p50", words.milliseconds),
        "p95_ms": ("p95", words.milliseconds),
        "p99_ms": ("p99", words.milliseconds),
        "statements_per_request": ("SQL statements per request", _decimal),
    }
    each_run: Mapping[str, tuple[str, Callable[[Any], str]]] = {
        "time_to_recover_s": ("time to recover", _seconds),
        "lost_good_s": ("lost good-seconds (outage equivalent)", _seconds),
        "cpu_ms_per_request": ("CPU per request at baseline", words.milliseconds),
        "send_lag_p99_ms": ("generator late by, p99", words.milliseconds),
    }
    cells = [numbers[twin]["phases"].get(phase, {}) for phase in SHOWN_PHASES for twin in numbers]
    return NumbersTable(
        twins=tuple(numbers),
        phases=SHOWN_PHASES,
        by_phase=tuple(_rows(each_phase, cells)),
        by_run=tuple(_rows(each_run, list(numbers.values()))),
        cost=_cost(numbers),
    )


def _rows(
    shown: Mapping[str, tuple[str, Callable[[Any], str]]], cells: list[Mapping[str, Any]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A row for each number that at least one cell has."""
    for name, (title, write) in shown.items():
        if any(cell.get(name) is not None for cell in cells):
            yield title, tuple(write(cell.get(name)) for cell in cells)


def _cost(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """What the hardened twin takes more or less than the naive one while nothing is wrong."""
    if not {NAIVE, HARDENED} <= set(numbers):
        return ""
    naive, hardened = numbers[NAIVE], numbers[HARDENED]
    told = (
        _compared(
            "median answer",
            naive["phases"][BASELINE].get("p50_ms"),
            hardened["phases"][BASELINE].get("p50_ms"),
        ),
        _compared("CPU per request", naive.get("cpu_ms_per_request"), hardened.get("cpu_ms_per_request")),
    )
    return "; ".join(part for part in told if part)


def _compared(what: str, naive: float | None, hardened: float | None) -> str:
    if naive is None or hardened is None or not math.isfinite(naive + hardened) or naive <= 0:
        return ""
    more = f"{100 * (hardened / naive - 1):+.0f} %".replace("-", "−")
    return (
        f"{what} {words.milliseconds(hardened)} hardened against {words.milliseconds(naive)} naive ({more})"
    )


def _count(value: float | None) -> str:
    return words.NONE if value is None else words.grouped(int(value))


def _decimal(value: float | None) -> str:
    return words.NONE if value is None else f"{value:.1f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return words.NONE
    return "not in this run" if math.isinf(value) else f"{value:.1f} s"
