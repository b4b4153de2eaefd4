"""history.jsonl: for every operation that an invariant reads, how it ended and what was answered, a line each.

`end` is an instant of the monotonic clock, `outcome` a number of lab.model.Outcome. What was asked is in the schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from lab.model import Operation, Outcome
from lab.record.files import damaged, read_json_lines
from lab.record.schedule import Schedule

OUTCOMES = {int(outcome): outcome for outcome in Outcome}
MEMBERS = {"i", "op", "outcome", "status", "end", "answered"}


def read_history(path: Path, schedule: Schedule, t0: float) -> Sequence[Operation]:
    """Every operation, by its number in the plan. Raises LabError for a line that no load writes."""

    def operation(line: Mapping[str, Any]) -> Operation:
        try:
            return _operation(line, schedule, t0)
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise damaged(path, error) from error

    return sorted(map(operation, read_json_lines(path)), key=attrgetter("i"))


def _operation(line: Mapping[str, Any], schedule: Schedule, t0: float) -> Operation:
    """By hand: there may be a million of them, and the codec takes three times as long."""
    if line.keys() != MEMBERS:
        raise ValueError(f"a line has {', '.join(line)}")
    i, op, status, end = line["i"], line["op"], line["status"], line["end"]
    if not (isinstance(i, int) and isinstance(status, int) and isinstance(op, str)):
        raise TypeError(f"number, operation or status of line {i!r} is none")
    asked = schedule[i]
    return Operation(
        i=i,
        op=op,
        at_s=asked.at_s,
        end_s=float(end) - t0,
        outcome=OUTCOMES[line["outcome"]],
        status=status,
        asked=asked.members,
        key=asked.key,
        answered=line["answered"],
    )
