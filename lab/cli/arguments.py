"""The arguments that several commands share: how each is explained, and what a shell offers to complete it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import LabError


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


def _page(path: Path | None) -> Path | None:
    """An absolute path for a page. Raises LabError, before any work is done, where none can be written."""
    if path is None:
        return None
    page = path.parent.resolve() / path.name  # a page is not written through a link
    if page.is_dir():
        raise LabError(f"--out {path} is a folder. Name the page in it: --out {path / 'page.md'}")
    if page.suffix == ".json":
        better = path.with_suffix(".md")
        raise LabError(f"--out {path}: that name is for the data of the page. Name the page: --out {better}")
    if not page.parent.is_dir():
        raise LabError(
            f"--out {path}: there is no folder {page.parent}. Make it first: mkdir -p {page.parent}"
        )
    if not os.access(page.parent, os.W_OK | os.X_OK):
        raise LabError(
            f"--out {path}: you are not allowed to write into {page.parent}. Name a page elsewhere."
        )
    return page


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
Page = Annotated[
    Path | None, typer.Option(help="Where to write the page; its data goes next to it.", callback=_page)
]
Again = Annotated[
    int,
    typer.Option(help="How many times to repeat a run that is invalid because the machine was busy.", min=0),
]
