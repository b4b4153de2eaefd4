"""Makes many runs and compares them."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Sequence
from functools import partial

import typer

from lab import campaign as campaigns
from lab import catalogue, paths
from lab.campaign import Place
from lab.cli import assembly
from lab.cli.console import columns, console, say, told
from lab.cli.running import judged_run, make_plan
from lab.model import LabError, RunVerdict, Scenario
from lab.model.campaigns import Campaign, Cell, CellResult, Table
from lab.plan.campaigns import ablation, alternation, sweep
from lab.plan.runs import RunPlan
from lab.record.campaigns import RESULTS, TABLE, CampaignFolder, unfinished
from lab.record.files import read_value
from lab.workload import known as workloads

INVALID = 3


def ablation_of(
    scenario: Scenario,
    over: Sequence[str] = (),
    settings: Sequence[str] = (),
    *,
    full: bool,
    runtime: str,
    seed: int | None,
) -> Campaign:
    """The ablation over the defences `over`, else over those that the scenario names."""
    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    names = over or scenario.defences
    return ablation(scenario.name, names, settings, quick=not full, runtime=runtime, seed=drawn)


def sweep_of(
    scenario: str,
    parameter: str,
    settings: Sequence[str],
    defences: str,
    *,
    full: bool,
    runtime: str,
    seed: int | None,
) -> Campaign:
    """The sweep over the values of `parameter`."""
    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    return sweep(scenario, parameter, settings, defences, quick=not full, runtime=runtime, seed=drawn)


def alternation_of(
    name: str,
    twins: Sequence[str],
    settings: Sequence[str],
    defences: str,
    *,
    quick: bool,
    runtime: str,
    seed: int | None,
) -> Campaign:
    """The twins in turn: those that are named, else those of the scenario's workload."""
    scenario = catalogue.find(name).scenario
    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    names = tuple(twins) or workloads.find(scenario.workload).line_up
    return alternation(scenario.name, names, settings, defences, quick=quick, runtime=runtime, seed=drawn)


def walk(
    plan: Campaign, again: int = 1, *, seed: int | None = None, new: bool | None = None
) -> tuple[CampaignFolder, Table]:
    """Make the missing runs of the newest campaign like `plan`, or of a new one; returns its folder and table.

    `seed` is the one that was asked for, `new` is None if the command has no option --new. Every run must be possible
    before the first begins.
    """
    for cell in plan.cells:
        _planned(plan, cell)
    found = to_continue(plan, seed=seed, new=new)
    if found:
        told(
            f"Continuing {found.folder.name} (seed {found.campaign.seed}). To start a new one: {_other(found, new)}"
        )
    else:
        name = assembly.new_run(f"{plan.kind}-{plan.scenario}")
        found = CampaignFolder.create(paths.RUNS / name, plan)
    return found, campaigns.walk(found, partial(_perform, found.campaign, again), told)


def to_continue(plan: Campaign, *, seed: int | None, new: bool | None = None) -> CampaignFolder | None:
    """The unfinished campaign like `plan`, unless a new one is asked for. Raises LabError if its seed is not `seed`."""
    found = None if new else unfinished(paths.RUNS, plan)
    if found and seed not in (None, found.campaign.seed):
        raise LabError(
            f"{found.folder.name} is unfinished and has the seed {found.campaign.seed}, not {seed}. To continue it, "
            f"leave out --seed. To start a new one: {_other(found, new)}"
        )
    return found


def _other(found: CampaignFolder, new: bool | None) -> str:
    """How to start another campaign instead of continuing `found`."""
    return f"rm -r {shlex.quote(str(found.folder))}" if new is None else "--new"


def conclude(found: CampaignFolder, table: Table, as_json: bool) -> None:
    """Print the table, and exit with the code that the runs call for."""
    results = read_value(found.folder / RESULTS, list[CellResult])
    if as_json:
        print((found.folder / RESULTS).read_text(), end="")
    else:
        _print(table)
        say(f"\nTable: {found.folder / TABLE}")
    if not all(each.valid for each in results):
        told("Some runs are invalid. Run the same command again, without --new, to repeat only those.")
        raise typer.Exit(INVALID)


def _print(found: Table) -> None:
    table = columns(found.headings)
    for row in found.rows:
        table.add_row(*row)
    console.print(table)


def _perform(plan: Campaign, again: int, cell: Cell, place: Place) -> RunVerdict:
    """Make the run of one cell, repeated when the machine spoils it, as a single run would be."""
    return judged_run(partial(_planned, plan, cell), plan.runtime, again, lambda _plan: place())[0]


def _planned(plan: Campaign, cell: Cell) -> RunPlan:
    return make_plan(
        plan.scenario, plan.quick, plan.seed, cell.defences, list(cell.settings), list(cell.twins)
    )
