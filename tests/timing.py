"""How long something takes on a machine that others use, too, and that stands still for a second now and then."""

import time
from collections.abc import Callable

TRIES = 5


def quickest_s(action: Callable[[], object]) -> float:
    """The shortest time that `action` took, of a few: a busy machine only ever adds to it."""
    return min(_seconds(action) for _ in range(TRIES))


def _seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began
