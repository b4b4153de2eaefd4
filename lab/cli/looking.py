"""Commands that only look: doctor, list, show."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from lab import catalogue
from lab import doctor as examination
from lab.cli.arguments import Json, ScenarioName
from lab.cli.console import console
from lab.model import Check, Fault, Scenario


def doctor(as_json: Json = False) -> None:
    """Tell what this machine has, what is missing, what that rules out, and the command that would fix it."""
    findings = examination.examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[yellow]--[/]"
        advice = "" if finding.ok else f"rules out {finding.rules_out}\n{finding.fix}"
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


def show(scenario: ScenarioName) -> None:
    """Show one scenario: its story, faults, load, checks, and what each twin is expected to do."""
    entry = catalogue.find(scenario)
    found = entry.scenario
    console.print("\n".join([f"[bold]{found.name}[/]: {found.title}", "", *paragraphs(entry.story), ""]))
    table = Table.grid(padding=(0, 2))
    table.add_row("Question", found.question)
    table.add_row("Hypothesis", found.hypothesis)
    table.add_row("Mirrors", found.mirrors)
    table.add_row("Load", f"{found.load.rate_rps:g} arrivals/s for each twin: {', '.join(found.load.mix)}")
    table.add_row("Made of", found.topology.describe())
    table.add_row("Fault", faults_of(found))
    table.add_row("Checks", "\n".join(title(check) for check in found.checks))
    table.add_row("Expected", ", ".join(f"{twin} {verdict}" for twin, verdict in found.expected.items()))
    table.add_row("Lesson", found.lesson)
    table.add_row("Set", "\n".join(settings(found)))
    console.print(table)
    console.print(f"\nRun it: bin/lab run {found.name} --quick")


def paragraphs(text: str) -> list[str]:
    """A docstring for a console: each paragraph in one line, for the console to wrap."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).split("\n")


def title(check: Check) -> str:
    return (f"{check.invariant} " if check.invariant else "") + check.title()


def faults_of(scenario: Scenario) -> str:
    return "; ".join(fault.describe() for fault in scenario.faults) or "none"


def settings(scenario: Scenario) -> list[str]:
    """The parameters that --set takes, with their present values."""
    faults = scenario.faults
    targets = ["fault"] if len(faults) == 1 else [f"fault{number}" for number in range(1, len(faults) + 1)]
    return [
        f"load.rate_rps={scenario.load.rate_rps:g}",
        f"phases.fault_s={scenario.full.fault_s:g}",
        *(line for target, fault in zip(targets, faults, strict=True) for line in _parameters(target, fault)),
    ]


def _parameters(target: str, fault: Fault) -> list[str]:
    skip = ("link", "part", "member", "during", "burst")
    return [f"{target}.{name}={value}" for name, value in asdict(fault).items() if name not in skip]


COMMANDS = (doctor, list_, show)
