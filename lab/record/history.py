"""history.jsonl: for every operation that an invariant reads, how it ended and what was answered, a line each.

`end` is an instant of the monotonic clock, `outcome` a number of lab.model.Outcome. What was asked is in the schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.model import Operation, Outcome
from lab.record.files import damaged, must_be_of, read_json_lines
from lab.record.schedule import Schedule

ENDED = np.dtype([("i", "<u4"), ("outcome", "u1"), ("status", "<u2"), ("end_s", "<f8")])
SAME_S = 1e-6
OUTCOMES = {int(outcome): outcome for outcome in Outcome}
MEMBERS = ("twin", "i", "op", "outcome", "status", "end", "answered")
in_order = itemgetter(*MEMBERS)


def read_history(path: Path, twin: str, schedule: Schedule, t0: float) -> Sequence[Operation]:
    """Every operation of `twin`, by its number in the plan. Raises LabError for a line that its load did not write."""

    def operation(line: Mapping[str, Any]) -> Operation:
        try:
            if line["twin"] != twin:
                must_be_of(twin, line["twin"], path)
            return _operation(line, schedule, t0)
        except (AttributeError, TypeError, KeyError, ValueError, OverflowError) as error:
            raise damaged(path, error) from error

    return sorted(map(operation, read_json_lines(path)), key=attrgetter("i"))


def must_agree(path: Path, operations: Sequence[Operation], requests: NDArray[Any]) -> None:
    """Raises LabError if `path` and the records contradict each other about a request."""
    told = np.empty(len(operations), dtype=ENDED)
    for name in ENDED.names or ():
        told[name] = np.fromiter(map(attrgetter(name), operations), dtype=ENDED[name], count=len(operations))
    recorded = requests[np.isin(requests["i"], told["i"])]
    if not np.array_equal(told["i"], recorded["i"]):
        raise damaged(path, "a request has two lines, or none in requests.bin")
    differ = (told["outcome"] != recorded["outcome"]) | (told["status"] != recorded["status"])
    differ |= np.abs(told["end_s"] - recorded["end"]) > SAME_S
    if differ.any():
        raise damaged(path, f"it contradicts requests.bin about how request {told['i'][differ][0]} ended")


def _operation(line: Mapping[str, Any], schedule: Schedule, t0: float) -> Operation:
    """The operation in `line`, decoded by hand: there may be a million, and the codec takes three times as long."""
    if len(line) != len(MEMBERS):
        raise ValueError(f"a line has {', '.join(line)}")
    _, i, op, outcome, status, end, answered = in_order(line)
    if not (isinstance(i, int) and isinstance(status, int) and isinstance(op, str)):
        raise TypeError(f"number, operation or status of line {i!r} is invalid")
    asked = schedule[i]
    end_s, how = float(end) - t0, OUTCOMES[outcome]
    return Operation(i, op, asked.at_s, end_s, how, status, asked.members, asked.key, answered, asked.reads)
