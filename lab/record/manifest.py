"""manifest.json, format 5: everything that was planned, with its thresholds, and where it ran.

Nothing else is needed to judge a run again: it is judged by the scenario as it was then, whatever today's files say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab.model import Json, LabError, Phases, Scenario, Shot, Switch, TwinPlan
from lab.record.codec import Damaged, structured
from lab.record.files import damaged, read_bytes

FORMAT = 5
MOST_BYTES = 1 << 24  # more than any manifest has
OF_ANY_FORMAT = {"run", "scenario", "runtime", "lab_version", "t0_wall"}


class Status(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    ABORTED = "aborted"


class Isolation(StrEnum):
    """How the cores of the machine are divided among the twins."""

    SHARED = "shared"  # fewer cores than twins: latencies of different twins are not compared
    PINNED = "pinned"  # each twin has cores of its own
    UNPINNED = "unpinned"  # there are enough cores, but this system cannot pin a process to one


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One run as it was planned, and where it was made. Instants are monotonic seconds; `t0_wall` is UTC."""

    format: int
    lab_version: str
    commit: str
    run: str
    status: Status
    problem: str  # what ended it early, if it was neither the user nor a mistake of the lab
    runtime: str
    scenario: Scenario
    quick: bool
    settings: tuple[str, ...]
    predicted: str  # the choice that somebody made before the run; "" for none
    seed: int
    phases: Phases
    switches: tuple[Switch, ...]
    shots: tuple[Shot, ...]
    twins: tuple[TwinPlan, ...]
    sizes: Mapping[str, int]
    planned: int
    history_ops: tuple[str, ...]  # operations whose every request has a line in history.jsonl
    t0: float
    t0_wall: str
    isolation: Isolation
    facts: Mapping[str, Json]
    machine: Mapping[str, Json]

    @property
    def counted(self) -> bool:
        """Whether the machine of the run reports what its cores and its memory were used for."""
        return self.machine.get("system") == "Linux"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a run was made; "" for what is unknown."""

    commit: str = ""
    runtime: str = ""
    day: str = ""


def read_origin(folder: Path) -> Origin:
    """The origin in the manifest of `folder`, even if another version of the lab wrote it and nothing else fits."""
    try:
        data = json.loads(read_bytes(folder / "manifest.json", MOST_BYTES))
        commit, runtime, t0_wall = (str(data[name]) for name in ("commit", "runtime", "t0_wall"))
    except (LabError, ValueError, KeyError, TypeError, RecursionError):
        return Origin()
    return Origin(commit=commit, runtime=runtime, day=t0_wall[:10])


def is_run(folder: Path) -> bool:
    """Whether `folder` has the manifest of a run, in whatever format. Web pages have a manifest.json, too."""
    try:
        data = json.loads(read_bytes(folder / "manifest.json", MOST_BYTES))
    except (LabError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.keys() >= OF_ANY_FORMAT and isinstance(data.get("format", 1), int)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the run in `folder`. Raises LabError if it is missing, damaged or of another format."""
    path = folder / "manifest.json"
    try:
        data = json.loads(read_bytes(path, MOST_BYTES))
        found = data.get("format", 1) if isinstance(data, dict) else None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    if found in (*range(1, FORMAT), *range(FORMAT + 1, 100)):
        raise LabError(
            f"{folder} was written in format {found}, and this lab reads format {FORMAT}. Repeat the run, "
            "or read it with the version of the lab that made it."
        )
    try:
        manifest = structured(data, Manifest)
    except Damaged as error:
        raise damaged(path, error) from error
    if not manifest.twins:
        raise damaged(path, Damaged("twins: there are none"))
    return manifest
