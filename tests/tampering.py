"""How somebody may change a run folder after the run and seal it again, and what the lab must say of it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lab.cli import assembly
from lab.model import LabError
from lab.record import sums

ONE, OTHER = "naive", "hardened"
SHIFT_S = 2.0
RECORD = struct.Struct("<IBHBBBdddd")
Row = dict[str, Any]
Tamper = Callable[[Path], object]

# What is said, as a regular expression.
FOREIGN = "says that it belongs to the twin"  # one sentence, exit 2
CONTRADICTS = "contradicts requests.bin"
SCHEDULED, COMPLETE, THROUGHOUT = "as scheduled", "history complete", "observed throughout"  # gates
OWN_FILES = (
    "requests.bin", "history.jsonl", "load.json", "probes.jsonl", "metrics.jsonl", "initial.json", "final.json",
)  # fmt: skip


def tamper(folder: Path, how: Tamper) -> None:
    """Do it, and seal the folder again."""
    how(folder)
    sums.seal(folder)


def outcome(folder: Path) -> str:
    """The names of the gates that fail, or the one sentence of an exit 2; nothing if twins are judged."""
    try:
        verdict = assembly.grade(folder)
    except LabError as error:
        return str(error)
    return ", ".join(gate.name for gate in verdict.gates if not gate.passed)


def lines(path: Path, change: Callable[[int, Row], Row | None]) -> None:
    """Each line changed by its number, or dropped."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    changed = (change(number, row) for number, row in enumerate(rows))
    path.write_text("".join(json.dumps(row) + "\n" for row in changed if row is not None))


def later(member: str, by_s: float, row: Row) -> Row:
    return {**row, member: row[member] + by_s}


def records(path: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    """Each record of requests.bin changed: [i, op, status, failure, outcome, flags, intended, started, sent, end]."""
    data = path.read_bytes()
    rows = RECORD.iter_unpack(data[RECORD.size :])
    path.write_bytes(data[: RECORD.size] + b"".join(RECORD.pack(*change(list(row))) for row in rows))


def load_later(by_s: float, folder: Path) -> None:
    """All that one twin's load has recorded."""
    records(folder / ONE / "requests.bin", lambda row: [*row[:6], *(at and at + by_s for at in row[6:])])
    lines(folder / ONE / "history.jsonl", lambda _, row: later("end", by_s, row))


def looks_later(name: str, member: str, by_s: float, folder: Path) -> None:
    lines(folder / ONE / name, lambda _, row: later(member, by_s, row))


def events_later(folder: Path) -> None:
    def change(_: int, row: Row) -> Row:
        instants = [name for name in row if name in ("at_s", "before_s", "after_s")]
        return {**row, **{name: row[name] + SHIFT_S for name in instants}} if row.get("twin") == ONE else row

    lines(folder / "events.jsonl", change)


def t0_later(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(later("t0", SHIFT_S, json.loads(path.read_text()))))


def answered_well(_: int, row: Row) -> Row:
    """Whoever was left in doubt, or refused, was served after all."""
    return {**row, "outcome": 0, "status": 200}


def exchange(name: str, folder: Path) -> None:
    """One file of a twin with the same file of the other; all of both, if `name` is empty."""
    (folder / ONE / name).rename(folder / "kept")
    (folder / OTHER / name).rename(folder / ONE / name)
    (folder / "kept").rename(folder / OTHER / name)


def _all() -> Iterator[tuple[str, Tamper, str]]:
    yield "the load of one twin later", partial(load_later, SHIFT_S), SCHEDULED
    yield "the load of one twin earlier", partial(load_later, -SHIFT_S), SCHEDULED
    yield "the run later", t0_later, SCHEDULED
    yield (
        "the schedule later",
        lambda f: lines(f / "schedule.jsonl", lambda _, r: later("at_s", 2.0, r)),
        SCHEDULED,
    )
    first = partial(records, change=lambda row: [row[0], 1 - min(row[1], 1), *row[2:]])
    yield "operations taken for others", lambda f: first(f / ONE / "requests.bin"), SCHEDULED
    for name, member in (("probes.jsonl", "start_s"), ("metrics.jsonl", "at_s")):
        for by_s in (SHIFT_S, -SHIFT_S):
            what = f"{name} of one twin {by_s:+g} s"
            yield what, partial(looks_later, name, member, by_s), THROUGHOUT
    yield "the events of one twin later", events_later, THROUGHOUT
    history = f"{ONE}/history.jsonl"
    tenth = partial(lines, change=lambda number, row: row if number % 10 else None)
    yield "every tenth line of the history dropped", lambda f: tenth(f / history), COMPLETE
    yield "the history twice", lambda f: (f / history).write_text((f / history).read_text() * 2), COMPLETE
    yield "the history made well", lambda f: lines(f / history, answered_well), CONTRADICTS
    yield "the history later", lambda f: lines(f / history, lambda _, r: later("end", 2.0, r)), CONTRADICTS
    for name in OWN_FILES:
        said = (
            f"{FOREIGN}|{COMPLETE}" if name == "history.jsonl" else FOREIGN
        )  # unless both have as many lines
        yield f"{name} exchanged", partial(exchange, name), said
    yield "both twins exchanged", partial(exchange, ""), FOREIGN


TAMPERINGS = {what: (how, said) for what, how, said in _all()}
