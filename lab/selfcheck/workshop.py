"""A copy of the sources in which one place at a time is mutated. The checkout itself is never touched.

In the copy there is a function `mutated(value)` that every module of the services can call: it says on stderr that it
was called, and returns its argument. In SQL the line `mutated();` makes the server say it in its log. Both logs are in
the run folder, so each mutant can be shown to have run.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from lab import paths
from lab.model import LabError
from lab.model.selfcheck import Case, Mutation
from lab.runtime.ownership.lock import exclusive
from lab.runtime.programs import Ended, Overdue, ended

SOURCES = ("lab", "scenarios", "services", "loadtests", "reports", "compose")
MARK = "mutant ran: "
CALL, SQL_CALL = "mutated(", "mutated();"
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); import lab.__main__"  # as bin/lab does it
RUN_TIMEOUT_S = 240.0
BUSY_TIMEOUT_S = 60.0  # the run of a self-check that was killed may still be going on

MARKER = """

def _mark(name):
    import builtins
    import sys

    said = []

    def mutated(value=None):
        if not said:
            said.append(sys.stderr.write({mark!r} + name + "\\n"))
            sys.stderr.flush()
        return value

    builtins.mutated = mutated


_mark({name})
"""


class Workshop:
    """The copy in `folder`, with its own runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / paths.RUNS.name
        self.state = folder / paths.STATE.name
        self._case = ""  # the one that is being tried

    def open(self) -> None:
        """Copy the sources as they are now."""
        for top in SOURCES:
            _renew(paths.ROOT / top, self.folder / top)

    def prepare(self, case: Case) -> None:
        """Restore the services, apply the mutation of `case`, and remove all runs."""
        self._case = case.name
        _renew(paths.ROOT / "services", self.folder / "services")
        shutil.rmtree(self.runs, ignore_errors=True)
        if case.mutation is not None:
            plant(self.folder, case.name, case.mutation)

    def lab(self, *words: str) -> Ended:
        """Run the copy's own command line, which uses its own folders, to its end."""
        command = [sys.executable, "-I", "-X", "utf8", "-c", START, str(self.folder), *words]
        with exclusive(self.state / "run.lock", BUSY_TIMEOUT_S) as free:
            if not free:
                raise LabError(f"A run in {self.folder} is still going on. Stop it, then try again.")
        # Our own environment, which lab/shell.py has put in order.
        try:
            return ended(command, timeout_s=RUN_TIMEOUT_S, env=dict(os.environ), cwd=self.folder)
        except Overdue as error:
            late = f"The case {self._case} took longer than {RUN_TIMEOUT_S:g} s."
            raise Overdue(f"{late} Run the same command to try it again.") from error

    def run(self, case: Case, runtime: str, seed: int, again: int) -> Ended:
        """The run of `case`, judged, without a report."""
        words = ["run", case.scenario, "--quick", "--json", "--no-report", "--runtime", runtime]
        words += ["--seed", str(seed), "--again", str(again)]
        words += [word for twin in case.twins for word in ("--twin", twin)]
        words += [word for setting in case.settings for word in ("--set", setting)]
        return self.lab(*words)

    def regrade(self, run: str) -> Ended:
        """The run called `run`, judged again."""
        return self.lab("regrade", run, "--json", "--no-report")

    def newest(self) -> Path | None:
        """The folder of the newest run, if there is any."""
        found = sorted(
            path.parent for path in self.runs.glob("*/manifest.json") if not path.parent.is_symlink()
        )
        return found[-1] if found else None


def plant(root: Path, name: str, mutation: Mutation) -> None:
    """Make the one place wrong in the sources below `root`. Raises LabError unless it is there exactly once."""
    path = root / mutation.file
    path.write_text(mutated_text(name, path.read_text(), mutation))
    package = root / "services" / "__init__.py"
    package.write_text(package.read_text() + MARKER.format(mark=MARK, name=json.dumps(name)))


def mutated_text(name: str, text: str, mutation: Mutation) -> str:
    """`text` with the mutation, whose marker says `name`."""
    count = text.count(mutation.old)
    if count != 1:
        raise LabError(f"The mutant {name} matches {count} places in {mutation.file}, not one. Adapt it.")
    new = mutation.new
    if mutation.file.endswith(".sql"):
        new = new.replace(SQL_CALL, f"DO $$ BEGIN RAISE WARNING '{MARK}{name}'; END $$;")
    return text.replace(mutation.old, new)


def ran(folder: Path, name: str) -> bool:
    """Whether a log of the run in `folder` shows that the mutant's code ran."""
    line = f"{MARK}{name}"
    return any(line in path.read_text(errors="replace") for path in folder.glob("*/logs/*.log"))


def _renew(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
