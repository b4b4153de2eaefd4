"""Reads a run folder, each part when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.model import Operation, Outcome, Phases, ProbeSample, Scenario
from lab.record.files import damaged, opened, read_json, read_lines, unreadable

REQUEST = np.dtype(
    [
        ("i", "<u4"),
        ("op", "u1"),  # number in load.json's "ops"
        ("status", "<u2"),  # 0 without an HTTP answer
        ("failure", "u1"),  # lab.model.Failure
        ("outcome", "u1"),  # lab.model.Outcome
        ("flags", "u1"),  # 1 connection used before, 2 wrong body
        ("intended", "<f8"),
        ("started", "<f8"),
        ("sent", "<f8"),  # 0.0 if never sent; read back as not a number
        ("end", "<f8"),
    ]
)
INSTANTS = ("intended", "started", "sent", "end")

FaultWindow = tuple[int, float, float]


class RunRecord:
    """A run folder, read as it is asked for. Raises LabError, naming the file, for what is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Mapping[str, Any] = read_json(folder / "manifest.json")

    @property
    def phases(self) -> Phases:
        return Phases(**self.manifest["phases"])

    @property
    def t0(self) -> float:
        return float(self.manifest["t0"])

    @cached_property
    def events(self) -> Sequence[Mapping[str, Any]]:
        return read_lines(self.folder / "events.jsonl")

    def twin(self, name: str, scenario: Scenario) -> TwinRecord:
        """One twin's part, as evidence for the checks of `scenario`."""
        return TwinRecord(self, name, scenario)

    def arrivals(self, numbers: Iterable[int]) -> Mapping[int, Mapping[str, Any]]:
        """The planned arrivals with these numbers, as the schedule has them; no other line is parsed."""
        wanted = set(numbers)
        with opened(self.folder / "schedule.jsonl") as file:
            return {i: json.loads(line) for i, line in enumerate(file) if i in wanted}


class TwinRecord:
    """`lab.model.Evidence` from one twin's part of a run folder. Times are seconds from T0."""

    def __init__(self, run: RunRecord, twin: str, scenario: Scenario) -> None:
        self.run = run
        self.twin = twin
        self.scenario = scenario
        self.phases = run.phases
        self.folder = run.folder / twin

    @property
    def planned(self) -> int:
        return int(self.run.manifest["planned"])

    @cached_property
    def load(self) -> Mapping[str, Any]:
        """The load generator's account of itself."""
        loaded: Mapping[str, Any] = read_json(self.folder / "load.json")
        return loaded

    @property
    def ops(self) -> tuple[str, ...]:
        return tuple(self.load["ops"])

    @cached_property
    def requests(self) -> NDArray[Any]:
        """Every recorded request, by its number in the plan."""
        path = self.folder / "requests.bin"
        try:
            records = np.fromfile(path, dtype=REQUEST)
        except OSError as exc:
            raise unreadable(path, exc) from exc
        records = records[np.argsort(records["i"], kind="stable")]  # five times as fast as to sort by a field
        sent = records["sent"] > 0
        for name in INSTANTS:
            records[name] -= self.run.t0
        records["sent"][~sent] = np.nan
        return records

    @cached_property
    def history(self) -> Sequence[Operation]:
        """The operations that invariants read, with what was asked (from the schedule) and what was answered."""
        answers = read_lines(self.folder / "history.jsonl")
        arrivals = self.run.arrivals(answer["i"] for answer in answers)
        if missing := {answer["i"] for answer in answers} - arrivals.keys():
            raise damaged(self.run.folder / "schedule.jsonl", f"it has no arrival number {min(missing)}")
        operations = (self._operation(answer, arrivals[answer["i"]]) for answer in answers)
        return sorted(operations, key=lambda operation: operation.i)

    @cached_property
    def initial(self) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = read_json(self.folder / "initial.json")
        return loaded

    @cached_property
    def final(self) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = read_json(self.folder / "final.json")
        return loaded

    @cached_property
    def metrics(self) -> Sequence[Mapping[str, Any]]:
        return read_lines(self.folder / "metrics.jsonl")

    @cached_property
    def probes(self) -> Sequence[ProbeSample]:
        return [ProbeSample(**line) for line in read_lines(self.folder / "probes.jsonl")]

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events of this twin."""
        return [event for event in self.run.events if event.get("twin") == self.twin]

    @cached_property
    def fault_windows(self) -> Sequence[FaultWindow]:
        """(fault, on, off): from the answer to the injection until the healing was asked for, so it was surely on."""
        windows = []
        for number in range(len(self.scenario.faults)):
            switches = [event for event in self.events if event.get("fault") == number]
            windows += [
                (number, on["after_s"], off["before_s"])
                for on, off in pairwise(switches)
                if on["event"] == "inject" and off["event"] == "heal"
            ]
        return sorted(windows, key=lambda window: window[1])

    def _operation(self, answer: Mapping[str, Any], arrival: Mapping[str, Any]) -> Operation:
        return Operation(
            i=answer["i"],
            op=answer["op"],
            at_s=arrival["at_s"],
            end_s=answer["end"] - self.run.t0,
            outcome=Outcome(answer["outcome"]),
            status=answer["status"],
            asked={"path": arrival["path"], **(arrival.get("body") or {})},
            key=arrival.get("key"),
            answered=answer["answered"],
        )


def list_runs(runs: Path) -> list[Path]:
    """The run folders below `runs`, newest first."""
    if not runs.is_dir():
        return []
    found = {path.parent for path in runs.glob("*/manifest.json") if not path.parent.is_symlink()}
    return sorted(found, key=lambda folder: folder.name, reverse=True)
