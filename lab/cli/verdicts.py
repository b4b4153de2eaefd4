"""How a verdict is printed for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from lab.cli.console import columns, console, say
from lab.model import FAULT, RunVerdict, Verdict
from reports.words import another_version, expectation, measured

STYLE = {Verdict.HELD: "green", Verdict.BROKEN: "red", Verdict.INCONCLUSIVE: "yellow"}


def print_verdict(verdict: RunVerdict) -> None:
    """The answer first, then the table behind it."""
    console.print(f"\n{verdict.sentence}\n", style="bold")
    if text := another_version(verdict):
        console.print(f"{text}\n", style="yellow")
    if not verdict.valid:
        for gate in [gate for gate in verdict.gates if not gate.passed][1:]:  # the first is in the answer
            whose = f" ({gate.twin} twin)" if gate.twin else ""
            console.print(f"  Also failed: {gate.name}{whose}: {gate.sentence}", style="yellow")
        return
    table = columns(["check", *(twin.twin for twin in verdict.twins)])
    for row in zip(*(twin.checks for twin in verdict.twins), strict=True):
        cells = [_word(result.verdict, f" {measured(result)}") for result in row]
        table.add_row(f"{row[0].invariant} {row[0].check}".strip(), *cells)
    overall = [_word(twin.verdict, f" ({expectation(twin)})", "bold ") for twin in verdict.twins]
    table.add_row(Text("verdict", style="bold"), *overall)
    table.add_row(
        "requests in the fault phase", *(twin.numbers.phases[FAULT].tally for twin in verdict.twins)
    )
    console.print(table)


def print_answer(lines: Sequence[str]) -> None:
    """The scenario's question, what somebody had predicted, and the answer."""
    if lines:
        console.print("", *lines, sep="\n", markup=False)


def print_repeat(report: object, command: str) -> None:
    """Where the page is, if there is one, and how to repeat the run."""
    where = f"\nReport: {report}" if report else ""
    say(f"{where}\nRepeat: {command}")


def _word(verdict: Verdict, rest: str, weight: str = "") -> Text:
    return Text.assemble((str(verdict), f"{weight}{STYLE[verdict]}"), rest)
