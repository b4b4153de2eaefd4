"""verdict.json: a RunVerdict as a file, and back."""

from __future__ import annotations

from pathlib import Path

from lab.model import RunVerdict
from lab.record.files import read_value, write_value

NAME = "verdict.json"


def write_verdict(folder: Path, verdict: RunVerdict) -> None:
    """verdict.json, the same bytes for the same verdict."""
    write_value(folder / NAME, verdict)


def read_verdict(folder: Path) -> RunVerdict:
    """The verdict as it was written. Raises LabError if the run has none yet, or a damaged one."""
    return read_value(folder / NAME, RunVerdict)
