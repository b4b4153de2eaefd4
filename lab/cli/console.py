"""What is printed, and how: one console for people; JSON goes to plain stdout."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from lab.model import CheckResult, RunVerdict, TwinVerdict, Verdict
from reports.words import quantity

console = Console(highlight=False, soft_wrap=False)
STYLE = {Verdict.HELD: "green", Verdict.BROKEN: "red", Verdict.INCONCLUSIVE: "yellow"}


def told(text: str) -> None:
    """What a person should know meanwhile: to stderr, where no machine reads."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def print_verdict(verdict: RunVerdict) -> None:
    """The answer first, then the table that it rests on."""
    console.print(f"\n[bold]{verdict.sentence}[/]\n")
    if not verdict.valid:
        for gate in verdict.gates:
            if not gate.passed:
                console.print(f"  [yellow]invalid[/] {gate.twin or 'run'}: {gate.name}: {gate.sentence}")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("check", overflow="fold")
    for twin in verdict.twins:
        table.add_column(twin.twin, overflow="fold")
    for row in zip(*(twin.checks for twin in verdict.twins), strict=True):
        cells = [f"[{STYLE[result.verdict]}]{result.verdict}[/] {measured(result)}" for result in row]
        table.add_row(f"{row[0].invariant} {row[0].check}".strip(), *cells)
    overall = [f"[bold {STYLE[twin.verdict]}]{twin.verdict}[/] ({expected(twin)})" for twin in verdict.twins]
    table.add_row("[bold]verdict[/]", *overall)
    console.print(table)


def expected(twin: TwinVerdict) -> str:
    return f"expected {twin.expected}" if twin.expected else "nothing expected"


def measured(result: CheckResult) -> str:
    """The number beside its threshold, as far as the check has them."""
    value, limit = quantity(result.value, result.unit), quantity(result.threshold, result.unit)
    return f"{value} (limit {limit})" if value and limit else value
