"""schedule.jsonl: every planned arrival, line by line; the same for every twin.

It is read once for a run. For most arrivals only the instant is kept; for writes, retries and what is
followed up, the request as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.model import Json
from lab.record.files import damaged, read_json_lines

DUE = np.dtype([("at_s", "<f8"), ("op", "<u2")])
NUMBER, TEXT = (int, NoneType), (str, NoneType)
KEPT = ("body", "repeats", "reads", "read_back")  # an arrival with one of these is kept as a whole


class Asked(NamedTuple):
    """What an arrival that is kept as a whole asks for, and when. `members` are its path and its body."""

    at_s: float
    members: Mapping[str, Json]
    key: str | None
    repeats: int | None  # the number of the arrival that it repeats
    reads: int | None  # the number of the arrival whose result it reads


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The planned arrivals by number."""

    path: Path
    ops: tuple[str, ...]  # names for the `op` column
    due: NDArray[Any]  # DUE
    asked: Mapping[int, Asked]

    def __getitem__(self, number: int) -> Asked:
        """What arrival `number` asks for. Raises LabError if its request was not kept."""
        if number not in self.asked:
            raise damaged(
                self.path, f"it has no arrival number {number} that writes, repeats, follows or is followed"
            )
        return self.asked[number]


def read_schedule(path: Path) -> Schedule:
    """Raises LabError for a line that is not the arrival of its number."""
    ops: dict[str, int] = {}
    asked: dict[int, Asked] = {}

    def due() -> Iterator[tuple[float, int]]:
        for number, line in enumerate(read_json_lines(path)):
            try:
                fits = line["i"] == number
                at_s, op = float(line["at_s"]), ops.setdefault(line["op"], len(ops))
                if not line.keys().isdisjoint(KEPT):
                    asked[number] = _asked(at_s, line)
            except (AttributeError, TypeError, KeyError, ValueError, OverflowError) as error:
                raise damaged(path, error) from error
            if not fits:
                raise damaged(path, f"line {number + 1} is not arrival number {number}")
            yield at_s, op

    table = np.fromiter(due(), dtype=DUE)
    return Schedule(path=path, ops=tuple(map(str, ops)), due=table, asked=asked)


def _asked(at_s: float, line: Mapping[str, Any]) -> Asked:
    path, key, repeats, reads = line["path"], line.get("key"), line.get("repeats"), line.get("reads")
    numbers = isinstance(repeats, NUMBER) and isinstance(reads, NUMBER)
    if not isinstance(path, str) or not isinstance(key, TEXT) or not numbers:
        raise TypeError(f"the request of arrival number {line['i']} is invalid")
    members = {"path": path, **line.get("body", {})}
    return Asked(at_s, members, key, repeats, reads)
