"""The command that writes docs/matrix.md: which defence carries which scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab import catalogue, paths
from lab.campaign import newest
from lab.cli import assembly
from lab.cli.arguments import Runtime
from lab.cli.campaigns import Full, Seed, ablation_of, walk
from lab.cli.console import console, told
from lab.judge.campaigns import INVALID
from lab.model import Ablated, Scenario, ablation_choices
from lab.record.files import read_value, write_text, write_value
from reports.matrix import page


def matrix(
    out: Annotated[Path | None, typer.Option(help="The page; what it is made of goes beside it.")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="First make the runs that are missing: about a minute each.")
    ] = False,
    full: Full = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
) -> None:
    """Write the page that tells, for each scenario, what each of its defences is worth."""
    target = out or paths.ROOT / "docs" / "matrix.md"
    if measure:
        for scenario in lacking(target):
            told(f"{scenario.name}: {', '.join(scenario.defences)}")
            walk(ablation_of(scenario, full=full, runtime=runtime, seed=seed))
    # Not before: a page that has changed makes the checkout differ from its commit, which every run writes down.
    write(target)
    missing = [scenario.name for scenario in lacking(target)]
    console.print(f"Matrix: {target}", soft_wrap=True)
    if missing:
        console.print(f"Not all measured: {', '.join(missing)}. Make these runs: bin/lab matrix --measure")


def write(target: Path) -> None:
    """The page, and the data of which it can be made again when the runs are gone."""
    found = ablations(target)
    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    write_value(data(target), list(found.values()))
    write_text(target, page(scenarios, found, assembly.awaited()))


def data(target: Path) -> Path:
    return target.with_suffix(".json")


def ablations(target: Path) -> dict[str, Ablated]:
    """By scenario, from what was kept beside the page and from the runs that are here."""
    kept = read_value(data(target), list[Ablated]) if data(target).exists() else []
    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    found = {scenario.name: newest(scenario, paths.RUNS, kept) for scenario in scenarios}
    return {name: each for name, each in found.items() if each}


def lacking(target: Path) -> list[Scenario]:
    """The scenarios of which a run is missing or invalid."""
    found = ablations(target)

    def complete(scenario: Scenario) -> bool:
        each = found.get(scenario.name)
        told = [each.of(choice) if each else None for choice in ablation_choices(scenario.defences)]
        return all(one is not None and one.verdict != INVALID for one in told)

    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    return [scenario for scenario in scenarios if scenario.defences and not complete(scenario)]


COMMANDS = (matrix,)
