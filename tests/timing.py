"""How long something takes on a machine that others use, too, and that stands still for a second now and then."""

import os
import threading
import time
from collections.abc import Callable
from typing import Self, TypeVar

TRIES = 5
STEP_S, LATE_S = 0.02, 0.1
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]

Found = TypeVar("Found")


def quickest_s(action: Callable[[], object]) -> float:
    """The shortest time that `action` took, of a few: a busy machine only ever adds to it."""
    return min(_seconds(action) for _ in range(TRIES))


def steadily(tried: Callable[[], Found]) -> Found:
    """What `tried` finds. Where it fails while the machine stands still, that says nothing, and it is tried again."""
    for _ in range(TRIES - 1):
        with Canary() as canary:
            try:
                return tried()
            except (AssertionError, OSError) as error:
                failure = error
        if not canary.late:
            raise failure
    return tried()


class Canary:
    """In the block a thread on each core wakes up again and again: `late` says whether one came so late as to count."""

    def __init__(self) -> None:
        self.late = False
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=[core], daemon=True) for core in CORES]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, core: int | None) -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})  # this thread alone
        while not self._over.is_set():
            began = time.monotonic()
            self._over.wait(STEP_S)
            self.late = self.late or time.monotonic() - began > STEP_S + LATE_S


def _seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began
