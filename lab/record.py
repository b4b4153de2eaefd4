"""The run folder: what a run writes down, and how it is read back.

    manifest.json    what was planned and on what: seed, phases, load, faults, versions, machine, commit
    schedule.jsonl   every planned arrival, one a line, line number = arrival number; the same for both twins
    t0.json          the instant of the monotonic clock at which the run began
    events.jsonl     every phase edge, injection, healing and reading back of a link
    verdict.json     the judgement; made again from the rest by `lab regrade`
    <twin>/          requests.bin, history.jsonl, load.json, probes.jsonl, metrics.jsonl, initial.json, final.json,
                     logs/

Verdict and report are functions of this folder, so what is written here is the evidence, and nothing in it
is judged.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.model import (
    Arrival,
    CheckResult,
    Gate,
    LabError,
    Operation,
    Outcome,
    Phases,
    ProbeSample,
    RunVerdict,
    Scenario,
    TwinVerdict,
    Verdict,
)

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
DIGITS = 6  # of a fraction in verdict.json: beyond it lies only noise

FaultWindow = tuple[int, float, float]


class RunWriter:
    """Writes a run folder. Whole files are replaced at once, so that a kill never leaves half of one."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises LabError when that cannot be."""
        self.folder = folder
        try:
            folder.mkdir(parents=True)
            (folder / "events.jsonl").touch()
        except OSError as exc:
            raise LabError(f"Cannot write {folder}: {exc.strerror}. Make {folder.parent} writable.") from exc

    def twin_folder(self, twin: str) -> Path:
        """The twin's part of the folder, with a place for logs."""
        folder = self.folder / twin
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        return folder

    def manifest(self, manifest: Mapping[str, Any]) -> None:
        _write_json(self.folder / "manifest.json", manifest)

    def t0(self, t0: float) -> None:
        _write_json(self.folder / "t0.json", {"t0": t0})

    def schedule(self, arrivals: Iterable[Arrival]) -> int:
        """Write down every arrival as it comes; returns how many there are."""
        planned = 0
        with (self.folder / "schedule.jsonl").open("w") as file:
            for arrival in arrivals:
                line = {name: value for name, value in vars(arrival).items() if value is not None}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
                planned += 1
        return planned

    def event(self, **event: Any) -> None:
        """Append one event; it is in the file when this returns."""
        with (self.folder / "events.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")

    def link_latest(self) -> None:
        """Let `latest` beside the folder name it."""
        latest = self.folder.parent / "latest"
        fresh = self.folder.parent / f".latest-{os.getpid()}"
        fresh.symlink_to(self.folder.name)
        fresh.replace(latest)


class RunRecord:
    """A run folder, read as it is asked for. Raises LabError, naming the file, for what is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Mapping[str, Any] = _read_json(folder / "manifest.json")

    @property
    def phases(self) -> Phases:
        return Phases(**self.manifest["phases"])

    @property
    def t0(self) -> float:
        return float(self.manifest["t0"])

    @cached_property
    def events(self) -> Sequence[Mapping[str, Any]]:
        return _read_lines(self.folder / "events.jsonl")

    def twin(self, name: str, scenario: Scenario) -> TwinRecord:
        """One twin's part, as evidence for the checks of `scenario`."""
        return TwinRecord(self, name, scenario)

    def arrivals(self, numbers: Iterable[int]) -> Mapping[int, Mapping[str, Any]]:
        """The planned arrivals with these numbers, as the schedule has them; no other line is parsed."""
        wanted = set(numbers)
        with _open(self.folder / "schedule.jsonl") as file:
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
        loaded: Mapping[str, Any] = _read_json(self.folder / "load.json")
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
            raise LabError(
                f"Cannot read {path}: {exc.strerror}. The run did not get so far; make it again."
            ) from exc
        records = records[np.argsort(records["i"], kind="stable")]  # five times as fast as to sort by a field
        sent = records["sent"] > 0
        for name in INSTANTS:
            records[name] -= self.run.t0
        records["sent"][~sent] = np.nan
        return records

    @cached_property
    def history(self) -> Sequence[Operation]:
        """The operations that invariants read, with what was asked (from the schedule) and what was answered."""
        answers = _read_lines(self.folder / "history.jsonl")
        arrivals = self.run.arrivals(answer["i"] for answer in answers)
        if missing := {answer["i"] for answer in answers} - arrivals.keys():
            raise _damaged(self.run.folder / "schedule.jsonl", f"it has no arrival number {min(missing)}")
        operations = (self._operation(answer, arrivals[answer["i"]]) for answer in answers)
        return sorted(operations, key=lambda operation: operation.i)

    @cached_property
    def initial(self) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = _read_json(self.folder / "initial.json")
        return loaded

    @cached_property
    def final(self) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = _read_json(self.folder / "final.json")
        return loaded

    @cached_property
    def metrics(self) -> Sequence[Mapping[str, Any]]:
        return _read_lines(self.folder / "metrics.jsonl")

    @cached_property
    def probes(self) -> Sequence[ProbeSample]:
        return [ProbeSample(**line) for line in _read_lines(self.folder / "probes.jsonl")]

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


def write_verdict(folder: Path, verdict: RunVerdict) -> None:
    """verdict.json, the same bytes for the same verdict."""
    _write_json(folder / "verdict.json", _plain(asdict(verdict)))


def read_verdict(folder: Path) -> RunVerdict:
    """The judgement as it was written. Raises LabError where a run has none yet."""
    data = _numbers(_read_json(folder / "verdict.json"))
    data["gates"] = tuple(Gate(**gate) for gate in data["gates"])
    data["twins"] = tuple(_twin_verdict(twin) for twin in data["twins"])
    return RunVerdict(**data)


def _twin_verdict(data: Mapping[str, Any]) -> TwinVerdict:
    checks = tuple(
        CheckResult(**check | {"verdict": Verdict(check["verdict"]), "examples": tuple(check["examples"])})
        for check in data["checks"]
    )
    verdicts = {"verdict": Verdict(data["verdict"]), "expected": Verdict(data["expected"])}
    return TwinVerdict(**{**data, **verdicts, "checks": checks})


def _plain(value: Any) -> Any:
    """`value` for JSON: fractions rounded, what is not finite as "inf", "-inf" or null, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, float | np.floating):
        number = float(value)
        return round(number, DIGITS) if math.isfinite(number) else None if math.isnan(number) else str(number)
    return int(value) if isinstance(value, np.integer) else value


def _numbers(value: Any) -> Any:
    """The other way round: "inf" is a number again."""
    if isinstance(value, dict):
        return {name: _numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_numbers(member) for member in value]
    return float(value) if value in ("inf", "-inf") else value


def _write_json(path: Path, value: Any) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(json.dumps(value, indent=1) + "\n")
    fresh.replace(path)


def _read_json(path: Path) -> Any:
    with _open(path) as file:
        try:
            return json.load(file)
        except ValueError as exc:
            raise _damaged(path, exc) from exc


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """One JSON value a line; a last line that a kill cut short is left out."""
    with _open(path) as file:
        try:
            return list(_parsed(file))
        except ValueError as exc:
            raise _damaged(path, exc) from exc


def _damaged(path: Path, why: object) -> LabError:
    return LabError(f"{path} is damaged ({why}). Make the run again.")


def _parsed(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def _open(path: Path) -> Any:
    try:
        return path.open()
    except OSError as exc:
        raise LabError(
            f"Cannot read {path}: {exc.strerror}. The run did not get so far; make it again."
        ) from exc
