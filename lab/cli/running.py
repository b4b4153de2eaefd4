"""Commands that make, judge and draw runs: run, report, regrade, runs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.table import Table

from lab import catalogue, paths
from lab.cli import assembly
from lab.cli.arguments import Json, RunName, Runtime, ScenarioName
from lab.cli.console import console, print_verdict, told
from lab.cli.progress import progress
from lab.judge.gates import spoiled_by_the_machine
from lab.model import LabError, RunVerdict, Secrets, Stack, Verdict
from lab.plan.arrivals import check_load, surges
from lab.plan.runs import RunPlan
from lab.provenance import commit
from lab.record import FolderJournal, RunRecord, RunWriter, Status, list_runs, read_verdict
from lab.runner import Runner
from lab.runtime.clock import MonotonicClock
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import holdings
from lab.runtime.ownership.lock import run_lock
from lab.workload import known as workloads
from reports.provenance import command


def run(
    scenario: ScenarioName,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short phases: half a minute instead of a minute and a half.")
    ] = False,
    runtime: Runtime = "auto",
    seed: Annotated[
        int | None,
        typer.Option(help="The seed of the schedule; drawn and recorded where none is given.", min=0),
    ] = None,
    defences: Annotated[
        str, typer.Option(help='What is on in twins that have defences: "all,-deadline", "none,+deadline" …')
    ] = "all",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a parameter: fault.latency_ms=200.")
    ] = None,
    twin: Annotated[
        list[str] | None,
        typer.Option(help="A service to run, up to three times: hardened, or hardened:all,-deadline."),
    ] = None,
    again: Annotated[
        int, typer.Option(help="How often to run again when the machine was too busy to be on time.", min=0)
    ] = 1,
    as_json: Json = False,
) -> None:
    """Run a scenario on all twins, judge it, and write its report."""
    planned = partial(make_plan, scenario, quick, seed, defences, settings or [], twin or [])
    verdict, folder = judged_run(planned, runtime, again, lambda plan: paths.RUNS / plan.stack.run)
    conclude(verdict, folder, as_json)


def judged_run(
    planned: Callable[[], RunPlan], runtime: str, again: int, place: Callable[[RunPlan], Path]
) -> tuple[RunVerdict, Path]:
    """(verdict, folder) of one run, made up to `again` times more where the machine was too busy to be on time."""
    for left in range(again, -1, -1):
        plan = planned()
        folder = place(plan)
        with run_lock(paths.STATE):
            heal(paths.STATE)
            perform(plan, runtime, folder)
        verdict = assembly.grade(folder)
        if not left or not spoiled_by_the_machine(verdict.gates):
            break
        told(f"{verdict.sentence}\nThat was the machine, so the run is made again.")
        draw(folder)
    return verdict, folder


def conclude(verdict: RunVerdict, folder: Path, as_json: bool) -> NoReturn:
    """Print the verdict, then draw the report, and exit as the verdict says whatever became of the report."""
    if as_json:
        print((folder / "verdict.json").read_text(), end="", flush=True)
    else:
        print_verdict(verdict)
    page = draw(folder)
    if not as_json:
        where = f"\nReport: {page}" if page else ""
        console.print(f"{where}\nRepeat: {repeat(folder)}", soft_wrap=True, markup=False)
    raise typer.Exit(exit_code(verdict))


def repeat(folder: Path) -> str:
    """The command line that makes the run in `folder` once more."""
    return command(RunRecord(folder).manifest)


def draw(folder: Path) -> Path | None:
    """The page of a run; None, and told why, where it cannot be written."""
    try:
        return assembly.report(folder)
    except (LabError, OSError) as error:
        told(f"The report could not be written: {error} Try again: bin/lab report {folder.name}")
        return None


def make_plan(
    scenario: str, quick: bool, seed: int | None, defences: str, settings: list[str], twins: list[str]
) -> RunPlan:
    """What is to be run. Raises LabError for anything that cannot be."""
    found, phases = catalogue.configure(catalogue.find(scenario).scenario, quick, settings)
    workload = workloads.find(found.workload)
    stack = Stack(
        run=assembly.new_run(found.name),
        workload=workload.name,
        twins=assembly.twins(workload, twins, defences),
        topology=found.topology,
        sizes={**workload.sizes, **found.sizes},
        secrets=Secrets.fresh(),
    )
    plan = RunPlan(
        stack=stack,
        scenario=found,
        workload=workload,
        phases=phases,
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        quick=quick,
        settings=tuple(settings),
        commit=commit(),
    )
    check_load(found.load, phases, workload, surges(found.faults, plan.switches))
    return plan


def perform(plan: RunPlan, runtime: str, folder: Path) -> None:
    """Run `plan` for real, into `folder`."""
    testbed = assembly.testbed(runtime, plan.stack, plan.workload, plan.needs)
    writer, clock = RunWriter(folder), MonotonicClock()
    with progress(plan, writer.folder, testbed.runtime) as listener:
        journal = FolderJournal(writer.folder / "events.jsonl", clock.now, listener)
        Runner(plan, testbed, writer, journal, clock).run()
    if folder.parent == paths.RUNS:
        writer.link_latest()


def exit_code(verdict: RunVerdict) -> int:
    if verdict.as_expected:
        return 0
    undecided = any(twin.verdict is Verdict.INCONCLUSIVE for twin in verdict.twins)
    return 3 if not verdict.valid or undecided else 1


def report(run: RunName = "latest") -> None:
    """Draw the report of a run again, from its folder alone."""
    folder = assembly.run_folder(run)
    assembly.check(folder)
    console.print(f"Report: {assembly.report(folder)}", soft_wrap=True)


def regrade(run: RunName = "latest", as_json: Json = False) -> None:
    """Judge a run again, from its folder alone, and draw its report."""
    folder = assembly.run_folder(run)
    verdict = assembly.grade(folder)
    conclude(verdict, folder, as_json)


def runs(as_json: Json = False) -> None:
    """List the runs that are kept, newest first."""
    going_on = {run.run for run in holdings(paths.STATE) if run.owner_alive}
    rows = [summary(folder, going_on) for folder in list_runs(paths.RUNS)]
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if not rows:
        console.print("No runs yet. Make one: bin/lab run s01-db-latency --quick")
        return
    table = Table("run", "runtime", "status", "twins", box=None, pad_edge=False)
    for row in rows:
        twins = ", ".join(f"{twin} {verdict}" for twin, verdict in row.twins.items())
        table.add_row(row.run, row.runtime, row.status, twins)
    console.print(table)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run in a line: what it was and how each twin came out."""

    run: str
    runtime: str = ""
    status: str
    twins: Mapping[str, str] = field(default_factory=dict)


def summary(folder: Path, going_on: Container[str]) -> Row:
    """The line of the run in `folder`. One that nobody walks any more was killed; one that cannot be read says so."""
    try:
        return _summary(folder, going_on)
    except LabError as error:
        return Row(run=folder.name, status=f"unreadable: {error}")


def _summary(folder: Path, going_on: Container[str]) -> Row:
    manifest = RunRecord(folder).manifest
    row = Row(run=folder.name, runtime=manifest.runtime, status=str(manifest.status))
    if manifest.status is Status.RUNNING and folder.name not in going_on:
        row = replace(row, status="killed")
    if not (folder / "verdict.json").exists():
        return row
    verdict = read_verdict(folder)
    status = "as expected" if verdict.as_expected else "not as expected" if verdict.valid else "invalid"
    twins = {twin.twin: str(twin.verdict) for twin in verdict.twins if verdict.valid}
    return replace(row, status=status, twins=twins)


COMMANDS = (run, report, regrade, runs)
