"""Commands that make many runs and compare them: ablate, sweep."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from lab import campaign as campaigns
from lab import catalogue, model, paths
from lab.campaign import Place
from lab.cli import assembly
from lab.cli.arguments import Json, Runtime, ScenarioName
from lab.cli.console import console, told
from lab.cli.running import judged_run, make_plan
from lab.model import Campaign, Cell, CellResult, RunVerdict, Scenario
from lab.plan.campaigns import ablation
from lab.plan.campaigns import sweep as sweep_of
from lab.record.campaigns import RESULTS, TABLE, CampaignFolder, unfinished
from lab.record.files import read_value

INVALID = 3

Full = Annotated[bool, typer.Option("--full", help="Runs of full length; without it they are quick.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a parameter in all runs: load.rate_rps=20.")
]
Seed = Annotated[int | None, typer.Option(help="The seed of all runs; drawn where none is given.", min=0)]
Again = Annotated[
    int, typer.Option(help="How often to run again when the machine was too busy to be on time.", min=0)
]
New = Annotated[
    bool, typer.Option("--new", help="Begin anew, even where the same was begun and not finished.")
]


def ablate(
    scenario: ScenarioName,
    over: Annotated[
        str,
        typer.Option(
            help="Defences to look at, with commas between; those that the scenario names, if none."
        ),
    ] = "",
    full: Full = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
    settings: Settings = None,
    again: Again = 1,
    new: New = False,
    as_json: Json = False,
) -> None:
    """Find out which defence buys what: leave each out of all, and add each to none."""
    found = catalogue.find(scenario).scenario
    names = [name.strip() for name in over.split(",") if name.strip()]
    plan = ablation_of(found, names, settings or (), full=full, runtime=runtime, seed=seed)
    conclude(*walk(plan, again, new=new), as_json)


def sweep(
    scenario: ScenarioName,
    parameter: Annotated[str, typer.Argument(help="What to vary: fault.latency_ms=50,100,200.")],
    defences: Annotated[str, typer.Option(help="What is on in twins that have defences.")] = "all",
    full: Full = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
    settings: Settings = None,
    again: Again = 1,
    new: New = False,
    as_json: Json = False,
) -> None:
    """Run a scenario once for each value of a parameter, and compare the twins at each."""
    found = catalogue.find(scenario).scenario
    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    plan = sweep_of(
        found.name, parameter, settings or (), defences, quick=not full, runtime=runtime, seed=drawn
    )
    conclude(*walk(plan, again, new=new), as_json)


def ablation_of(
    scenario: Scenario,
    over: Sequence[str] = (),
    settings: Sequence[str] = (),
    *,
    full: bool,
    runtime: str,
    seed: int | None,
) -> Campaign:
    """The ablation over the defences named, else over those that the scenario names."""
    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    names = over or scenario.defences
    return ablation(scenario.name, names, settings, quick=not full, runtime=runtime, seed=drawn)


def walk(plan: Campaign, again: int = 1, *, new: bool = False) -> tuple[CampaignFolder, model.Table]:
    """Make the runs that are missing of the newest campaign like `plan`, or of a new one; its folder and table.

    Every run must be possible before the first begins.
    """
    for cell in plan.cells:
        make_plan(plan.scenario, plan.quick, plan.seed, cell.defences, list(cell.settings), [])
    found = None if new else unfinished(paths.RUNS, plan)
    if found:
        told(f"Going on with {found.folder.name}; for a new one: --new")
    else:
        name = assembly.new_run(f"{plan.kind}-{plan.scenario}")
        found = CampaignFolder.create(paths.RUNS / name, plan)
    return found, campaigns.walk(found, partial(_perform, found.campaign, again), told)


def conclude(found: CampaignFolder, table: model.Table, as_json: bool) -> None:
    """Print the table, and exit as the runs say."""
    results = read_value(found.folder / RESULTS, list[CellResult])
    if as_json:
        print((found.folder / RESULTS).read_text(), end="")
    else:
        _print(table)
        console.print(f"\nTable: {found.folder / TABLE}", soft_wrap=True)
    if not all(each.valid for each in results):
        told("An invalid run judged nobody. The same command makes it again, and it alone.")
        raise typer.Exit(INVALID)


def _print(found: model.Table) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in found.headings:
        table.add_column(heading, overflow="fold")
    for row in found.rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _perform(plan: Campaign, again: int, cell: Cell, place: Place) -> RunVerdict:
    """The run of one cell, made again as a single run would be."""
    run = partial(make_plan, plan.scenario, plan.quick, plan.seed, cell.defences, list(cell.settings), [])
    return judged_run(run, plan.runtime, again, lambda _plan: place())[0]


COMMANDS = (ablate, sweep)
