"""Draws reports and figures, each in a program of its own.

matplotlib reads settings from the current folder, the home folder and the environment when it is imported, so it gets
an environment of ours. Importing it takes a second, so a run starts that program when its load has ended.
"""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from lab.cli.console import told
from lab.model import Event, LabError, LoadEnded
from lab.record import read_verdict
from lab.runtime.programs import Started, environment
from lab.runtime.toxiproxy.build import cache

TIMEOUT_S = 120


class Drawer:
    """Draws the report of a run."""

    def __init__(self) -> None:
        self._ahead: Started | None = None

    def hear(self, event: Event) -> None:
        """A listener of the run's journal: when the load has ended, load what drawing needs.

        If that fails, the run goes on: `draw` tries again, and says so.
        """
        if isinstance(event, LoadEnded) and self._ahead is None:
            with suppress(LabError, OSError):
                self._ahead = _program("reports", "--ahead")

    def draw(self, folder: Path) -> Path | None:
        """The page of a run; None, with the reason printed, if it cannot be written."""
        ahead, self._ahead = self._ahead, None
        try:
            return report(folder, ahead)
        except (LabError, OSError) as error:
            told(
                f"The report could not be written: {error} Try again: bin/lab report {shlex.quote(str(folder))}"
            )
            return None


def report(folder: Path, program: Started | None = None) -> Path:
    """Draw the figures and write the pages, from what the folder holds; returns report.html.

    If drawing fails altogether, each figure is a line on the page. Raises LabError if there is no page either.
    `program` is one that was started earlier.
    """
    try:
        _draw(program, folder)
    except LabError as error:
        _draw(None, folder, f"No figure could be drawn: {error}")
    return folder / "report.html"


def figures(folder: Path) -> Path:
    """Draw the figures once more, for those who paste them elsewhere; returns their folder."""
    _draw(_program("reports.figures"), folder)
    return folder / "figures"


def _draw(program: Started | None, folder: Path, *words: str) -> None:
    read_verdict(folder)  # without one there is nothing to report, and that is no failure of the figures
    asked = json.dumps([str(folder.resolve()), *words])
    (program or _program()).finish(asked, TIMEOUT_S).output()


def _program(*words: str) -> Started:
    """A program that reads which folder to draw; by default it draws a report."""
    # One font cache for all runs: finding the fonts takes a second.
    env = environment(MPLCONFIGDIR=str(cache() / "matplotlib"))
    return Started([sys.executable, "-m", *(words or ("reports",))], env=env)
