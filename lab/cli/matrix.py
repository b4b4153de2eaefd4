"""Writes docs/matrix.md: which defence makes the difference in which scenario."""

from __future__ import annotations

from pathlib import Path

from lab import catalogue, paths
from lab.campaign import newest
from lab.cli import assembly
from lab.cli.campaigns import ablation_of, to_continue, walk
from lab.cli.console import console, say, told
from lab.judge.campaigns import INVALID
from lab.model import Scenario
from lab.model.campaigns import Ablated, ablation_choices
from lab.record.files import read_value, write_text, write_value
from reports.matrix import page


def measure_and_write(target: Path, *, measure: bool, full: bool, runtime: str, seed: int | None) -> None:
    """Write the page `target`; first make the runs that are missing, if asked to `measure`."""
    if measure:
        scenarios = lacking(target)
        plans = [ablation_of(scenario, full=full, runtime=runtime, seed=seed) for scenario in scenarios]
        for plan in plans:
            to_continue(plan, seed=seed)  # what is refused is refused before the first run
        for scenario, plan in zip(scenarios, plans, strict=True):
            told(f"{scenario.name}: {', '.join(scenario.defences)}")
            walk(plan, seed=seed)
    # Only now: a changed page makes the checkout differ from its commit, which every run records.
    write(target)
    missing = [scenario.name for scenario in lacking(target)]
    say(f"Matrix: {target}")
    if missing:
        console.print(f"Not fully measured: {', '.join(missing)}. To measure them: bin/lab matrix --measure")


def write(target: Path) -> None:
    """Write the page, and the data from which it can be rebuilt when the runs are gone."""
    found = ablations(target)
    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    write_value(data(target), list(found.values()))
    write_text(target, page(scenarios, found, assembly.awaited()))


def data(target: Path) -> Path:
    return target.with_suffix(".json")


def ablations(target: Path) -> dict[str, Ablated]:
    """The ablations by scenario, from the data beside the page and from the runs that are here."""
    kept = read_value(data(target), list[Ablated]) if data(target).exists() else []
    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    found = {scenario.name: newest(scenario, paths.RUNS, kept) for scenario in scenarios}
    return {name: each for name, each in found.items() if each}


def lacking(target: Path) -> list[Scenario]:
    """The scenarios with a run that is missing or invalid."""
    found = ablations(target)

    def complete(scenario: Scenario) -> bool:
        each = found.get(scenario.name)
        told = [each.of(choice) if each else None for choice in ablation_choices(scenario.defences)]
        return all(one is not None and one.verdict != INVALID for one in told)

    scenarios = [entry.scenario for entry in catalogue.entries().values()]
    return [scenario for scenario in scenarios if scenario.defences and not complete(scenario)]
