"""The outcome of a request for its client, and the verdict of a check on a twin."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """The result of a check, or of a twin: the worst of its checks counts."""

    HELD = "held"
    INCONCLUSIVE = "inconclusive"
    BROKEN = "broken"

    @classmethod
    def worst(cls, verdicts: Sequence[Verdict]) -> Verdict:
        """The worst of `verdicts`; inconclusive if there are none."""
        order = (cls.HELD, cls.INCONCLUSIVE, cls.BROKEN)
        return max(verdicts, key=order.index, default=cls.INCONCLUSIVE)


class Outcome(IntEnum):
    """What the client may believe about one request."""

    OK = 0  # acknowledged: the effect must be there
    REFUSED = 1  # certainly no effect: no connection, a 4xx, "effect": "none", or a 503 to a read
    UNKNOWN = 2  # a write that may have taken effect: timeout, reset, any other 5xx
    FAILED = 3  # a read that got any other error or no answer: it has no effect, so it is never unknown


class Failure(IntEnum):
    """How a request failed below HTTP, as the load generator saw it."""

    NONE = 0
    CONNECT_REFUSED = 1
    CONNECT_TIMEOUT = 2
    TIMEOUT = 3
    RESET = 4
    CLOSED = 5
    MALFORMED = 6
    ABORTED = 7  # cut off by the generator itself
    SHED = 8  # never sent: the generator's own limit was reached
    OTHER = 9


class Ending(IntEnum):
    """What became of a planned request, in one of eight ways: the words of every count, table and figure.

    An outcome is what the client may believe; an ending also says whether the answer was right and in time.
    """

    GOOD = 0  # right, and within X
    LATE = 1  # right, but after X
    CONFLICT = 2  # told that somebody else was first (409, 412), or that there is not enough (409)
    REFUSED = 3  # certainly no effect, for any other reason
    FAILED = 4  # a read that got no answer, or an error that is no refusal
    UNKNOWN = 5  # a write that may have taken effect
    WRONG = 6  # acknowledged, with wrong content
    UNRECORDED = 7  # nothing is known of it

    @property
    def word(self) -> str:
        return self.name.lower()
