"""The tables of numbers from lab.judge: all twins side by side in each phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.model import BASELINE, FAULT, RECOVERY, PhaseNumbers, Role, RunVerdict, TwinVerdict
from reports import words

SHOWN_PHASES = (BASELINE, FAULT, RECOVERY)
CONTROL = "s00-control"  # the scenario that is all about the cost
Rows = tuple[tuple[str, tuple[str, ...]], ...]
Shown = Mapping[str, tuple[str, Callable[[Any], str]]]


@dataclass(frozen=True, kw_only=True)
class NumbersTable:
    """`by_phase` has a cell for each phase and twin, `by_run` one for each twin.

    `cost` says what the treatment costs compared with the control when nothing is wrong, and from how many requests.
    """

    twins: tuple[str, ...]
    phases: tuple[str, ...]
    by_phase: Rows
    by_run: Rows
    cost: str


def numbers_table(verdict: RunVerdict, comparable: bool) -> NumbersTable:
    """The tables of a run; without rows if nothing was described.

    `comparable`: latencies of different twins may be compared.
    """
    twins = [twin for twin in verdict.twins if twin.numbers.phases]
    each_phase: Shown = {
        "planned": ("requests planned", words.grouped),
        "good_ratio": ("good ÷ planned", words.percent),
        "served_ratio": ("served ÷ planned", words.percent),
        "goodput_rps": ("good per second", _decimal),
        "p50_ms": ("p50", words.milliseconds),
        "p95_ms": ("p95", words.milliseconds),
        "p99_ms": ("p99", words.milliseconds),
        "statements_per_request": ("SQL statements per request", _decimal),
    }
    each_run: Shown = {
        "time_to_recover_s": ("time to recover", _seconds),
        "lost_good_s": ("lost good-seconds (outage equivalent)", _seconds),
        "cpu_ms_per_request": ("CPU per request at baseline", words.milliseconds),
        "schedule_lag_p99_ms": ("schedule lag, p99", words.milliseconds),
    }
    phases = [twin.numbers.phases.get(phase) for phase in SHOWN_PHASES for twin in twins]
    return NumbersTable(
        twins=tuple(twin.twin for twin in twins),
        phases=SHOWN_PHASES,
        by_phase=tuple(_rows(each_phase, phases)),
        by_run=tuple(_rows(each_run, [twin.numbers for twin in twins])),
        cost=_cost(twins, comparable, verdict.scenario),
    )


def _rows(shown: Shown, described: Sequence[object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A row for each number that at least one of `described` has."""
    for name, (title, write) in shown.items():
        values = [getattr(each, name, None) for each in described]
        if any(value is not None for value in values):
            yield title, tuple(words.NONE if value is None else write(value) for value in values)


def _cost(twins: Sequence[TwinVerdict], comparable: bool, scenario: str) -> str:
    """What the treatment takes more or less than the control when nothing is wrong, and how sure that is."""
    by_role = {twin.role: twin for twin in twins}
    if not {Role.CONTROL, Role.TREATMENT} <= by_role.keys():
        return ""
    control, treatment = by_role[Role.CONTROL], by_role[Role.TREATMENT]
    told = [_compared("CPU per request", control, treatment, lambda twin: twin.numbers.cpu_ms_per_request)]
    if comparable:
        told.insert(0, _compared("median answer", control, treatment, lambda twin: _baseline(twin).p50_ms))
    compared = "; ".join(part for part in told if part)
    asked = min(_baseline(twin).planned for twin in (control, treatment))
    better = "" if scenario == CONTROL else f" To measure the cost, run {CONTROL} without --quick."
    few = f"From about {words.grouped(asked)} requests of one baseline: a small difference may be chance."
    return f"{compared}. {few}{better}" if compared else ""


def _baseline(twin: TwinVerdict) -> PhaseNumbers:
    return twin.numbers.phases[BASELINE]


def _compared(
    what: str, control: TwinVerdict, treatment: TwinVerdict, of: Callable[[TwinVerdict], float | None]
) -> str:
    without, with_it = of(control), of(treatment)
    if without is None or with_it is None or not math.isfinite(without + with_it) or without <= 0:
        return ""
    more = f"{100 * (with_it / without - 1):+.0f} %".replace("-", "−")
    mine, theirs = words.alike(with_it, without)
    return f"{what} {mine} ({treatment.twin}) against {theirs} ({control.twin}), {more}"


def _decimal(value: float) -> str:
    return f"{value:.1f}"


def _seconds(value: float) -> str:
    return "not in this run" if math.isinf(value) else f"{value:.1f} s"
