"""What the load records: 42 bytes for every request, a line for every operation that an invariant reads.

Both files say whose they are: the first 42 bytes are the twin's name, and each line has it. The numbers are those of
lab.model.Outcome and lab.model.Failure, the layout is lab.record.REQUEST; a test compares them.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from pathlib import Path
from typing import Any

RECORD = struct.Struct("<IBHBBBdddd")
REUSED, WRONG, NOT_NEEDED, TELLS_WHEN = 1, 2, 4, 8  # flags
BUFFER_BYTES = 1 << 16
UNAVAILABLE = 503
TRY_AGAIN = frozenset({502, UNAVAILABLE, 504})


class Outcome(IntEnum):
    OK = 0
    REFUSED = 1
    UNKNOWN = 2
    FAILED = 3


class Failure(IntEnum):
    NONE = 0
    CONNECT_REFUSED = 1
    CONNECT_TIMEOUT = 2
    TIMEOUT = 3
    RESET = 4
    CLOSED = 5
    MALFORMED = 6
    ABORTED = 7
    SHED = 8
    OTHER = 9


NEVER_SENT = frozenset({Failure.CONNECT_REFUSED, Failure.CONNECT_TIMEOUT, Failure.SHED})


def outcome(method: str, status: int, failure: Failure, answered: Any) -> Outcome:
    """What a client may believe: certainly done, certainly not done, or perhaps.

    A read has no effect, so it is never unknown: a 4xx or a 503 refuses it, any other error or a missing answer fails
    it. After a write, a 5xx that does not say "no effect" leaves open what was done.
    """
    if failure in NEVER_SENT:
        return Outcome.REFUSED
    lost = Outcome.FAILED if method == "GET" else Outcome.UNKNOWN
    if failure is not Failure.NONE:
        return lost
    if 200 <= status < 300:
        return Outcome.OK
    told = isinstance(answered, dict) and answered.get("effect") == "none"
    no_effect = told or 400 <= status < 500 or (status == UNAVAILABLE and method == "GET")
    return Outcome.REFUSED if no_effect else lost


def is_settled(status: int, failure: Failure) -> bool:
    """Answered for good, ok or refused, so that the client does not ask again."""
    return failure is Failure.NONE and status not in TRY_AGAIN


class Records:
    """The two files of one twin."""

    def __init__(self, twin: str, requests: str, history: str) -> None:
        self.count = 0
        self._twin = twin
        self._requests = Path(requests).open("wb", buffering=BUFFER_BYTES)  # noqa: SIM115 - closed by close()
        self._history = Path(history).open("w", buffering=BUFFER_BYTES)  # noqa: SIM115
        self._requests.write(twin.encode().ljust(RECORD.size, b"\0"))

    def request(self, *columns: Any) -> None:
        """One row: i, op, status, failure, outcome, flags, intended, started, sent, end."""
        self._requests.write(RECORD.pack(*columns))
        self.count += 1

    def not_needed(self, i: int, op: int, intended: float, now: float) -> None:
        """A planned follow-up that was not needed: a retry of an answered request, or a read of a write that did not
        succeed."""
        self.request(i, op, 0, Failure.NONE, Outcome.REFUSED, NOT_NEEDED, intended, now, 0.0, now)

    def operation(self, **members: Any) -> None:
        line = {"twin": self._twin, **members}
        self._history.write(json.dumps(line, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        self._requests.flush()
        self._history.flush()

    def close(self) -> None:
        self._requests.close()
        self._history.close()
