"""Turns the verdicts of a campaign's runs into its table. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from lab.judge.answer import deciding
from lab.model import FAULT, CheckResult, Ending, Role, RunVerdict, TwinVerdict
from lab.model.campaigns import (
    ALL_ON,
    NONE_ON,
    Campaign,
    CampaignKind,
    CellResult,
    Table,
    TwinCell,
    alone,
    without,
)

LEFT_OUT = "—"
INVALID = "invalid"
COUNTS = ("good", "right", "conflict", "refused", "failed", "unknown", "planned")
RUN_HEADINGS = ("", "twin", "verdict", *COUNTS, "p50 ms", "p95 ms")


def result(cell: str, verdict: RunVerdict) -> CellResult:
    """The result of the run of `cell`."""
    return CellResult(
        cell=cell,
        run=verdict.run,
        valid=verdict.valid,
        problem="" if verdict.valid else verdict.sentence,
        twins=tuple(map(_twin, verdict.twins, deciding(verdict.twins))) if verdict.valid else (),
    )


def table(campaign: Campaign, results: Sequence[CellResult], treatment: str) -> Table:
    """The table of `campaign` so far; `treatment` is the twin whose defences were switched."""
    if campaign.kind is not CampaignKind.ABLATION:
        rows = tuple(row for each in results for row in _run_rows(each))
        return Table(headings=RUN_HEADINGS, rows=rows)
    return _ablation(campaign, {each.cell: each for each in results}, treatment)


def treatment(verdict: RunVerdict) -> str:
    """The twin whose defences a campaign switches: the treatment, or the only twin."""
    return next((twin.twin for twin in verdict.twins if twin.role is Role.TREATMENT), verdict.twins[0].twin)


def told(each: CellResult, twin: str) -> tuple[str, str]:
    """(verdict, reason) of `twin` in one run. An invalid run judges no twin."""
    if not each.valid:
        return INVALID, each.problem
    mine = next(found for found in each.twins if found.twin == twin)
    return str(mine.verdict), mine.deciding


def _twin(twin: TwinVerdict, check: CheckResult | None) -> TwinCell:
    phase = twin.numbers.phases[FAULT]
    count = phase.endings
    return TwinCell(
        twin=twin.twin,
        verdict=twin.verdict,
        deciding=check.sentence if check else "",
        planned=phase.planned,
        good=count.get(Ending.GOOD.word, 0),
        right=count.get(Ending.GOOD.word, 0) + count.get(Ending.LATE.word, 0),
        conflict=count.get(Ending.CONFLICT.word, 0),
        refused=count.get(Ending.REFUSED.word, 0),
        failed=count.get(Ending.FAILED.word, 0),
        unknown=count.get(Ending.UNKNOWN.word, 0),
        p50_ms=phase.p50_ms,
        p95_ms=phase.p95_ms,
        cpu_ms_per_request=twin.numbers.cpu_ms_per_request,
    )


def _run_rows(each: CellResult) -> Iterable[tuple[str, ...]]:
    if not each.valid:
        yield each.cell, LEFT_OUT, INVALID, each.problem, *[""] * (len(RUN_HEADINGS) - 4)
    for twin in each.twins:
        counts = (getattr(twin, name) for name in COUNTS)
        yield (
            each.cell, twin.twin, str(twin.verdict), *map(str, counts), _ms(twin.p50_ms), _ms(twin.p95_ms)
        )  # fmt: skip


def _ablation(campaign: Campaign, by_cell: Mapping[str, CellResult], twin: str) -> Table:
    """All and none first; then a row for each defence: without it, and on its own."""
    rows = [(choice, _told(by_cell, choice, twin), "") for choice in (ALL_ON, NONE_ON)]
    names = [
        cell.name.removeprefix(without("")) for cell in campaign.cells if cell.name.startswith(without(""))
    ]
    rows += [(name, _told(by_cell, without(name), twin), _told(by_cell, alone(name), twin)) for name in names]
    return Table(headings=("defence", f"{twin} without it", f"{twin} with nothing else"), rows=tuple(rows))


def _told(by_cell: Mapping[str, CellResult], cell: str, twin: str) -> str:
    """held: 97 % of 243 requests …"""
    each = by_cell.get(cell)
    if each is None:
        return "not run yet"
    verdict, why = told(each, twin)
    return f"{verdict}: {why}" if why else verdict


def _ms(number: float | None) -> str:
    if number is None:
        return LEFT_OUT
    return "no right answer" if math.isinf(number) else f"{number:.0f}"
