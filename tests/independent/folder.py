"""The files of a run folder. All instants become seconds from T0."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = struct.Struct("<IBHBBBdddd")
WRONG, NOT_NEEDED, TELLS_WHEN = 2, 4, 8  # flags
OK, REFUSED, UNKNOWN, FAILED = 0, 1, 2, 3  # outcomes
NO_FAILURE = 0
NEVER_SENT = (1, 2, 8)  # refused or timed-out connects, and what the generator shed
READINESS = "readyz"
PHASES = ("warmup", "baseline", "fault", "recovery", "drain")
TRY_AGAIN = (502, 503, 504)

Row = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One record of requests.bin, and the arrival that it belongs to."""

    i: int
    op: str
    status: int
    failure: int
    outcome: int
    flags: int
    due_s: float
    started_s: float
    sent_s: float | None
    end_s: float
    arrival: Row

    @property
    def waited_ms(self) -> float:
        return (self.end_s - self.due_s) * 1000

    @property
    def right(self) -> bool:
        return self.outcome == OK and not self.flags & WRONG


@dataclass(frozen=True)
class Twin:
    """One twin's part; `requests` are those that were needed, `recorded` all of them."""

    name: str
    requests: list[Request]
    recorded: list[Request]
    history: list[Row]
    initial: dict[str, list[Row]]
    final: dict[str, list[Row]]
    metrics: list[Row]
    events: list[Row]


@dataclass(frozen=True)
class Run:
    manifest: Row
    twins: list[Twin]
    verdict: Row

    @property
    def scenario(self) -> Row:
        scenario: Row = self.manifest["scenario"]
        return scenario

    @property
    def within_ms(self) -> float:
        return float(self.scenario["load"]["good_within_ms"])

    def window(self, phase: str) -> tuple[float, float]:
        lengths = [float(self.manifest["phases"][f"{name}_s"]) for name in PHASES]
        at = PHASES.index(phase)
        return sum(lengths[:at]), sum(lengths[:at]) + lengths[at]


def read(folder: Path) -> Run:
    manifest = json.loads((folder / "manifest.json").read_text())
    schedule = lines(folder / "schedule.jsonl")
    events = lines(folder / "events.jsonl")
    twins = [_twin(folder / plan["name"], manifest["t0"], schedule, events) for plan in manifest["twins"]]
    return Run(manifest=manifest, twins=twins, verdict=json.loads((folder / "verdict.json").read_text()))


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _twin(folder: Path, t0: float, schedule: list[Row], events: list[Row]) -> Twin:
    ops = json.loads((folder / "load.json").read_text())["ops"]
    rows = RECORD.iter_unpack(
        (folder / "requests.bin").read_bytes()[RECORD.size :]
    )  # the first names the twin
    recorded = sorted((_request(row, ops, t0, schedule) for row in rows), key=lambda request: request.i)
    history = sorted(lines(folder / "history.jsonl"), key=lambda answer: int(answer["i"]))
    return Twin(
        name=folder.name,
        requests=[request for request in recorded if not request.flags & NOT_NEEDED],
        recorded=recorded,
        history=[{**answer, "end_s": answer["end"] - t0, "arrival": schedule[answer["i"]]} for answer in history],
        initial=json.loads((folder / "initial.json").read_text()),
        final=json.loads((folder / "final.json").read_text()),
        metrics=lines(folder / "metrics.jsonl"),
        events=[event for event in events if event.get("twin") == folder.name],
    )  # fmt: skip


def _request(row: tuple[Any, ...], ops: list[str], t0: float, schedule: list[Row]) -> Request:
    i, op, status, failure, outcome, flags, intended, started, sent, end = row
    return Request(
        i=i, op=ops[op], status=status, failure=failure, outcome=outcome, flags=flags, due_s=intended - t0,
        started_s=started - t0, sent_s=sent - t0 if sent > 0 else None, end_s=end - t0, arrival=schedule[i],
    )  # fmt: skip
