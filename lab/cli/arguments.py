"""The arguments that several commands share: how each is explained, and what a shell offers to complete it."""

from __future__ import annotations

from typing import Annotated

import typer


def _scenarios(start: str) -> list[tuple[str, str]]:
    """The scenarios whose names start with `start`, each with its title."""
    from lab import catalogue

    known = [entry.scenario for entry in catalogue.read().entries.values()]
    return [(scenario.name, scenario.title) for scenario in known if scenario.name.startswith(start)]


def _runs(start: str) -> list[str]:
    from lab import paths
    from lab.record import list_runs

    names = ["latest", *(folder.name for folder in list_runs(paths.RUNS))]
    return [name for name in names if name.startswith(start)]


def _runtimes(start: str) -> list[str]:
    from lab.cli import assembly

    return [name for name in assembly.RUNTIMES if name.startswith(start)]


def _known_runtime(name: str) -> str:
    """Before anything is done: a lock, or a run that somebody waits for, may come first."""
    from lab.cli import assembly

    return assembly.check_runtime(name)


ScenarioName = Annotated[
    str,
    typer.Argument(
        help="A scenario, or the start of its name, such as s11. See: bin/lab list",
        autocompletion=_scenarios,
    ),
]
RunName = Annotated[
    str,
    typer.Argument(
        help='A run: its id or part of it, its folder, CAMPAIGN/RUN, or "latest".', autocompletion=_runs
    ),
]
Runtime = Annotated[
    str,
    typer.Option(help="auto, local or docker.", autocompletion=_runtimes, callback=_known_runtime),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Seed = Annotated[
    int | None, typer.Option(help="The seed of the schedule; random by default, and always recorded.", min=0)
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a parameter, such as fault.latency_ms=200; may be repeated."),
]
Again = Annotated[
    int,
    typer.Option(help="How many times to repeat a run that is invalid because the machine was busy.", min=0),
]
