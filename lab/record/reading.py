"""Reads a run folder, each part only when it is needed; every part is validated as it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lab.model import (
    Derived,
    Event,
    Fault,
    FaultWindow,
    Load,
    LoadSummary,
    MachineSample,
    MetricsReading,
    Operation,
    Phases,
    Sample,
    Tables,
    TwinPlan,
    WakeUps,
)
from lab.record import sums
from lab.record.files import count_lines, read_value, read_values
from lab.record.history import must_agree, read_history
from lab.record.manifest import Manifest, read_manifest
from lab.record.requests import NOT_NEEDED, read_requests
from lab.record.schedule import Schedule, read_schedule
from lab.record.windows import fault_windows


class RunRecord:
    """A run folder, read on demand. Raises LabError, which names the file, if something is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)

    def verify(self) -> None:
        """Raises LabError if the evidence is not what it was when the run ended."""
        sums.verify(self.folder)

    @cached_property
    def events(self) -> Sequence[Event]:
        return read_values(self.folder / "events.jsonl", Event)

    @cached_property
    def machine(self) -> Sequence[MachineSample]:
        """What the whole machine did; nothing if its system does not report that."""
        path = self.folder / "machine.jsonl"
        return read_values(path, MachineSample) if path.exists() else ()

    @property
    def twins(self) -> Iterator[TwinRecord]:
        """Each twin's part, in the order of the run, one at a time, so that what was read of one can be freed."""
        return (TwinRecord(self, plan) for plan in self.manifest.twins)

    @cached_property
    def schedule(self) -> Schedule:
        return read_schedule(self.folder / "schedule.jsonl")


class TwinRecord(Derived):
    """`lab.model.Evidence` from one twin's part of a run folder. Times are seconds from T0."""

    def __init__(self, run: RunRecord, plan: TwinPlan) -> None:
        self.run = run
        self.plan = plan
        self.folder = run.folder / plan.name

    @property
    def twin(self) -> str:
        return self.plan.name

    @property
    def load(self) -> Load:
        return self.run.manifest.scenario.load

    @property
    def phases(self) -> Phases:
        return self.run.manifest.phases

    @property
    def faults(self) -> Sequence[Fault]:
        return self.run.manifest.scenario.faults

    @property
    def planned(self) -> int:
        return self.run.manifest.planned

    @cached_property
    def summary(self) -> LoadSummary:
        return read_value(self.folder / "load.json", LoadSummary, self.twin)

    @property
    def ops(self) -> tuple[str, ...]:
        return self.summary.ops

    @cached_property
    def recorded(self) -> NDArray[Any]:
        return read_requests(self.folder / "requests.bin", self.twin, self.run.manifest.t0, len(self.ops))

    @cached_property
    def requests(self) -> NDArray[Any]:
        needed: NDArray[Any] = self.recorded[(self.recorded["flags"] & NOT_NEEDED) == 0]
        return needed

    @cached_property
    def repeats(self) -> Mapping[int, int]:
        firsts = {i: self.run.schedule[i].repeats for i in self._spared}
        return {i: first for i, first in firsts.items() if first is not None}

    @cached_property
    def reads(self) -> Mapping[int, int]:
        firsts = {i: self.run.schedule[i].reads for i in self._spared}
        return {i: first for i, first in firsts.items() if first is not None}

    @property
    def _spared(self) -> list[int]:
        """The numbers of the requests that were not needed."""
        spared: list[int] = self.recorded["i"][(self.recorded["flags"] & NOT_NEEDED) != 0].tolist()
        return spared

    @cached_property
    def history(self) -> Sequence[Operation]:
        """The operations that invariants read: what was requested (from the schedule) and what was answered."""
        path = self.folder / "history.jsonl"
        operations = read_history(path, self.twin, self.run.schedule, self.run.manifest.t0)
        must_agree(path, operations, self.requests)
        return operations

    @cached_property
    def history_lines(self) -> int:
        return count_lines(self.folder / "history.jsonl")

    @cached_property
    def initial(self) -> Tables:
        return read_value(self.folder / "initial.json", Tables, self.twin)  # type: ignore[type-abstract]

    @cached_property
    def final(self) -> Tables:
        return read_value(self.folder / "final.json", Tables, self.twin)  # type: ignore[type-abstract]

    @cached_property
    def metrics(self) -> Sequence[MetricsReading]:
        return read_values(self.folder / "metrics.jsonl", MetricsReading, self.twin)

    @cached_property
    def probes(self) -> Sequence[Sample]:
        """All samples, of links, parts and stores, by time."""
        parts = self.folder / "parts.jsonl"
        seen = [self.folder / "probes.jsonl", *([parts] if parts.exists() else [])]
        samples = chain.from_iterable(read_values(path, Sample, self.twin) for path in seen)
        return sorted(samples, key=lambda sample: sample.start_s)

    @cached_property
    def wake_ups(self) -> Sequence[WakeUps]:
        """What the canary told."""
        return read_values(self.folder / "canary.jsonl", WakeUps, self.twin)

    @cached_property
    def events(self) -> Sequence[Event]:
        """The events of this twin."""
        return [event for event in self.run.events if getattr(event, "twin", None) == self.twin]

    @cached_property
    def fault_windows(self) -> Sequence[FaultWindow]:
        return fault_windows(self.faults, self.events, self.run.manifest.switches, self.phases)


def list_runs(runs: Path) -> list[Path]:
    """The run folders below `runs`, newest first, damaged ones included."""
    if not runs.is_dir():
        return []
    found = {path.parent for path in runs.glob("*/manifest.json") if not path.parent.is_symlink()}
    return sorted(found, key=lambda folder: folder.name, reverse=True)
