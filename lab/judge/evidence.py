"""What the judge looks at, as Protocols: `lab.record` reads it from a run folder, tests write it by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from lab.model import Event, Evidence, Json, MachineSample, Phases, Scenario, Shot, Switch, TwinPlan


class TwinEvidence(Evidence, Protocol):
    """One twin's part of a run, with its plan."""

    @property
    def plan(self) -> TwinPlan: ...
    # Everything recorded: `requests`, and those planned that were not needed: retries, and readers of writes.
    @property
    def recorded(self) -> Any: ...
    # From each such retry to the request that it would have repeated; from each such reader to the write to read.
    @property
    def repeats(self) -> Mapping[int, int]: ...
    @property
    def reads(self) -> Mapping[int, int]: ...
    @property
    def history_lines(self) -> int: ...


class Schedule(Protocol):
    """What was planned for every twin: a table of `at_s` and `op` by number, and the names of the operations."""

    @property
    def ops(self) -> Sequence[str]: ...
    @property
    def due(self) -> Any: ...


class Planned(Protocol):
    """What a manifest says of a run, as far as the judge needs it."""

    @property
    def run(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def problem(self) -> str: ...  # what ended it early
    @property
    def scenario(self) -> Scenario: ...
    @property
    def switches(self) -> Sequence[Switch]: ...
    @property
    def shots(self) -> Sequence[Shot]: ...
    @property
    def planned(self) -> int: ...
    @property
    def phases(self) -> Phases: ...
    @property
    def counted(self) -> bool: ...  # whether the system reports what its cores and its memory were used for
    @property
    def history_ops(self) -> Sequence[str]: ...  # operations whose every request has a line in the history
    @property
    def facts(self) -> Mapping[str, Json]: ...  # of the testbed, its advice about lateness among them


class RunEvidence(Protocol):
    """One run: its twins in order, and what happened to them and when."""

    @property
    def manifest(self) -> Planned: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def twins(self) -> Iterable[TwinEvidence]: ...
    @property
    def events(self) -> Sequence[Event]: ...
    @property
    def machine(self) -> Sequence[MachineSample]: ...  # by time; none if the system does not report them
