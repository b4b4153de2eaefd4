"""Commands that only look: doctor, list, show."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from lab import catalogue
from lab import doctor as examination
from lab.cli.console import console
from lab.model import Check, Fault, Scenario

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def doctor(as_json: Json = False) -> None:
    """Tell what this machine has, what is missing, what that rules out, and the command that would mend it."""
    findings = examination.examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[yellow]--[/]"
        advice = "" if finding.ok else f"rules out {finding.rules_out}\n{finding.mend}"
        table.add_row(mark, finding.name, finding.found, advice)
    console.print(table)


def list_(
    as_json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as the README has it.")
    ] = False,
) -> None:
    """List the scenarios."""
    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    if as_json:
        print(
            json.dumps([{"name": scenario.name, "title": scenario.title} for scenario in scenarios], indent=2)
        )
    elif markdown:
        print(markdown_table())
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("scenario", "fault", "before you run it, answer"):
            table.add_column(heading, overflow="fold")
        for scenario in scenarios:
            table.add_row(f"[bold]{scenario.name}[/]", faults_of(scenario), scenario.question)
        console.print(table)
        console.print("\nRun one: bin/lab run s01-db-latency --quick")


def markdown_table() -> str:
    """The catalogue as the README shows it."""
    rows = ["| scenario | what breaks | what makes the difference |", "| --- | --- | --- |"]
    for entry in catalogue.entries().values():
        scenario = entry.scenario
        path = "/".join(part for part in ("scenarios", entry.module, scenario.name.replace("-", "_")) if part)
        rows.append(f"| [{scenario.name}]({path}.py) | {faults_of(scenario)} | {scenario.lesson} |")
    return "\n".join(rows)


def show(scenario: Annotated[str, typer.Argument(help="Its name, or the start of it: s11.")]) -> None:
    """Show one scenario: its story, faults, load, checks, and what each twin is expected to do."""
    entry = catalogue.find(scenario)
    found = entry.scenario
    lines = [f"[bold]{found.name}[/]: {found.title}", "", *paragraphs(entry.story), ""]
    lines += [
        f"Question    {found.question}",
        f"Hypothesis  {found.hypothesis}",
        f"Mirrors     {found.mirrors}",
    ]
    lines += [f"Load        {found.load.rate_rps:g} arrivals/s for each twin: {', '.join(found.load.mix)}"]
    lines += [f"Fault       {faults_of(found)}"]
    lines += [f"Check       {title(check)}" for check in found.checks]
    lines += [f"Expected    {', '.join(f'{twin} {verdict}' for twin, verdict in found.expected.items())}"]
    lines += [f"Lesson      {found.lesson}", "", f"Set         {settings(found)}"]
    console.print("\n".join(lines), highlight=False)


def paragraphs(text: str) -> list[str]:
    """A docstring for a console: each paragraph in one line, for the console to wrap."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).split("\n")


def title(check: Check) -> str:
    return (f"{check.invariant} " if check.invariant else "") + check.title()


def faults_of(scenario: Scenario) -> str:
    return "; ".join(fault.describe() for fault in scenario.faults) or "none"


def settings(scenario: Scenario) -> str:
    """The parameters that --set takes, with their present values."""
    known = [f"load.rate_rps={scenario.load.rate_rps:g}", "phases.fault_s=…"] + [
        setting for fault in scenario.faults for setting in _parameters(fault)
    ]
    return "  ".join(dict.fromkeys(known))


def _parameters(fault: Fault) -> list[str]:
    skip = ("link", "during", "burst")
    return [f"fault.{name}={value}" for name, value in asdict(fault).items() if name not in skip]


COMMANDS = (doctor, list_, show)
