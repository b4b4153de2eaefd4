"""Commands that make, judge, draw and open runs: run, report, open, figures, regrade, runs."""

from functools import partial
from typing import Annotated

import typer

from lab.cli.arguments import Again, Json, RunName, Runtime, ScenarioName, Seed, Settings
from lab.errors import LabError

Drawn = Annotated[
    bool, typer.Option("--report/--no-report", help="Draw the report now, or leave it to: bin/lab report")
]
Quick = Annotated[bool, typer.Option("--quick", help="Short phases: ¾ instead of 1¾ minutes in all.")]
Defences = Annotated[
    str, typer.Option(help='Defences of the hardened twin: "all", "all,-deadline", "none,+deadline" …')
]
Twins = Annotated[
    list[str] | None,
    typer.Option(
        "--twin", help="A service to run: hardened, or hardened:all,-deadline. Repeat for up to three."
    ),
]
Predict = Annotated[
    str,
    typer.Option(help="Your answer to the scenario's question, kept with the run: a, b … See: bin/lab show"),
]
Alternate = Annotated[
    bool,
    typer.Option("--alternate", help="Run two twins in turn (A, B, B, A), each with the machine to itself."),
]


def run(
    scenario: ScenarioName,
    quick: Quick = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
    defences: Defences = "all",
    settings: Settings = None,
    twins: Twins = None,
    predict: Predict = "",
    again: Again = 1,
    alternate: Alternate = False,
    drawn: Drawn = True,
    as_json: Json = False,
) -> None:
    """Run a scenario on all twins, judge it, and write its report."""
    from lab import paths
    from lab.cli import campaigns, running

    if alternate and predict:
        raise LabError(
            "A prediction is kept with one run, and --alternate makes four. Leave one of the two out."
        )
    if alternate:
        plan = campaigns.alternation_of(
            scenario, twins or (), settings or (), defences, quick=quick, runtime=runtime, seed=seed
        )
        campaigns.conclude(*campaigns.walk(plan, again, seed=seed), as_json)
        return
    planned = partial(
        running.make_plan, scenario, quick, seed, defences, settings or [], twins or [], predict
    )
    running.run_and_conclude(
        planned, runtime, again, lambda plan: paths.RUNS / plan.stack.run, as_json=as_json, drawn=drawn
    )


def report(run: RunName = "latest") -> None:
    """Draw the report of a run again, from its folder alone."""
    from lab.cli import assembly, drawing
    from lab.cli.console import say

    folder = assembly.run_folder(run)
    assembly.check(folder)
    say(f"Report: {drawing.report(folder)}")


def open_(run: RunName = "latest") -> None:
    """Open the report of a run in a browser: the newest one, or the one named."""
    from lab.cli import assembly, opening

    opening.open_report(assembly.run_folder(run))


def figures(run: RunName = "latest") -> None:
    """Draw the figures of a run as PNG and SVG, for slides and papers."""
    from lab.cli import assembly, drawing
    from lab.cli.console import say

    folder = assembly.run_folder(run)
    assembly.check(folder)
    say(f"Figures: {drawing.figures(folder)}")


def regrade(run: RunName = "latest", drawn: Drawn = True, as_json: Json = False) -> None:
    """Judge a run again, from its folder alone, and draw its report."""
    from lab.cli import assembly
    from lab.cli.running import conclude

    folder = assembly.run_folder(run)
    conclude(assembly.grade(folder), folder, as_json=as_json, drawn=drawn)


def runs(as_json: Json = False) -> None:
    """List all runs and campaigns, newest first."""
    from lab.cli.kept import print_runs

    print_runs(as_json=as_json)


COMMANDS = (run, report, open_, figures, regrade, runs)
