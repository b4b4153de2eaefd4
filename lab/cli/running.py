"""Makes, judges and draws runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import typer

from lab import catalogue, paths
from lab.cli import assembly
from lab.cli.console import told
from lab.cli.drawing import Drawer
from lab.cli.healed import tell_failures
from lab.cli.progress import progress
from lab.cli.verdicts import print_answer, print_repeat, print_verdict
from lab.errors import notes_of
from lab.judge.gates import spoiled_by_the_machine
from lab.model import LabError, RunVerdict, Secrets, Spoiled, Stack, told_beside
from lab.plan.arrivals import plan_arrivals, surges
from lab.plan.runs import RunPlan
from lab.ports import Testbed
from lab.provenance import commit
from lab.record import FolderJournal, RunRecord, RunWriter
from lab.record.journal import Listener
from lab.runner import Runner
from lab.runtime.clock import MonotonicClock
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.lock import run_lock
from lab.shell import INHERITED
from lab.workload import known as workloads
from reports import words
from reports.provenance import command

Tell = Callable[[RunVerdict, Path], None]


def run_and_conclude(
    planned: Callable[[], RunPlan],
    runtime: str,
    again: int,
    place: Callable[[RunPlan], Path],
    *,
    as_json: bool,
    drawn: bool,
) -> NoReturn:
    """Make the run, print its verdict, draw its report if it is to be drawn, and exit as the verdict says."""
    drawer = Drawer() if drawn else None
    verdict, _ = judged_run(
        planned, runtime, again, place, partial(tell, as_json=as_json, drawer=drawer), drawer
    )
    raise typer.Exit(exit_code(verdict))


def conclude(verdict: RunVerdict, folder: Path, *, as_json: bool, drawn: bool) -> NoReturn:
    """The same for an existing run."""
    tell(verdict, folder, as_json=as_json, drawer=Drawer() if drawn else None)
    raise typer.Exit(exit_code(verdict))


def judged_run(
    planned: Callable[[], RunPlan],
    runtime: str,
    again: int,
    place: Callable[[RunPlan], Path],
    tell: Tell = lambda _verdict, _folder: None,
    drawer: Drawer | None = None,
) -> tuple[RunVerdict, Path]:
    """(verdict, folder) of one run, repeated up to `again` times if the machine was too busy to be on time.

    `tell` gets the verdict of the last run while its stack goes down; `drawer` draws the runs before it.
    """
    for left in range(again, -1, -1):
        plan = planned()
        with run_lock(paths.STATE):
            folder = place(plan)  # now: it may remove what an earlier run has left there
            tell_failures(heal(paths.STATE))
            try:
                with performed(plan, runtime, folder, *([drawer.hear] if drawer else [])):
                    verdict = assembly.grade(folder)
                    if not left or not spoiled_by_the_machine(verdict.gates):
                        tell(verdict, folder)
                        return verdict, folder
                    told(f"{verdict.sentence}\nThe machine was too busy, so the run is repeated.")
                    if drawer:
                        drawer.draw(folder)
            except Spoiled as spoiled:  # its folder says what ended, so it is an invalid run like any other
                verdict = assembly.grade(folder)
                tell(verdict, folder)
                for note in notes_of(spoiled):
                    told(note)
                return verdict, folder
    raise AssertionError("the last turn returns")


def tell(verdict: RunVerdict, folder: Path, *, as_json: bool, drawer: Drawer | None) -> None:
    """Print the verdict, then draw the report, unless `drawer` is None."""
    if as_json:
        print((folder / "verdict.json").read_text(), end="", flush=True)
    else:
        print_verdict(verdict)
        if verdict.valid:
            print_answer(answer_of(folder))
    page = drawer.draw(folder) if drawer else None
    if not as_json:
        print_repeat(page, repeat(folder))


def answer_of(folder: Path) -> list[str]:
    """The question of the scenario that was run in `folder`, and its answer; nothing if it asks none."""
    manifest = RunRecord(folder).manifest
    question = manifest.scenario.question
    return (
        [question.text, *words.answered(question, manifest.predicted, manifest.settings)] if question else []
    )


def repeat(folder: Path) -> str:
    """The command line that repeats the run in `folder`."""
    return command(RunRecord(folder).manifest)


def make_plan(
    scenario: str,
    quick: bool,
    seed: int | None,
    defences: str,
    settings: list[str],
    twins: list[str],
    predicted: str = "",
) -> RunPlan:
    """The plan of a run. Raises LabError for anything that cannot be run."""
    found, phases = catalogue.configure(catalogue.find(scenario).scenario, quick, settings)
    if predicted and found.question:
        predicted = found.question.chosen(predicted)
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
        predicted=predicted,
        commit=commit(),
    )
    extra = surges(found.faults, plan.switches)
    if next(plan_arrivals(found.load, phases, plan.seed, workload, stack.sizes, extra), None) is None:
        raise LabError(
            f"{found.load.rate_rps:g} arrivals/s for {phases.load_s:g} s give no request at all. Raise load.rate_rps."
        )
    return plan


@contextmanager
def performed(plan: RunPlan, runtime: str, folder: Path, *listeners: Listener) -> Iterator[None]:
    """Run `plan` for real, into `folder`. Inside the block the folder is complete, and the stack is going down.

    `listeners` hear what happens in the run.
    """
    testbed = assembly.testbed(runtime, plan.stack, plan.workload, plan.needs)
    writer, clock = RunWriter(folder, INHERITED.umask), MonotonicClock()
    with progress(plan, writer.folder, testbed.runtime) as listener:
        journal = FolderJournal(writer.folder / "events.jsonl", clock.now, listener, *listeners)
        try:
            Runner(plan, testbed, writer, journal, clock).run()
        except Spoiled:
            _show_as_latest(writer)
            raise
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="down") as thread:
        down = thread.submit(_take_down, testbed, writer)
        _show_as_latest(writer)
        try:
            yield
        except BaseException as error:
            with told_beside(error):
                down.result()
            raise
        down.result()


def _take_down(testbed: Testbed, writer: RunWriter) -> None:
    """In one step, so that a folder is opened up whenever its stack is down, however its judging ends."""
    testbed.down()
    writer.open_up()


def _show_as_latest(writer: RunWriter) -> None:
    """A run of a campaign is not shown: its folder is elsewhere."""
    if writer.folder.parent == paths.RUNS:
        writer.link_latest()


def exit_code(verdict: RunVerdict) -> int:
    """0 as expected, 1 known not to be as expected, 3 unknown. A known contradiction outweighs all that is unknown."""
    if verdict.as_expected:
        return 0
    return 1 if verdict.valid and any(twin.contradicts for twin in verdict.twins) else 3
