"""Bulkhead: each route, and each dependency, has a compartment with RESERVED slots per worker, and some more to share.

Guards requests that have nothing to do with the trouble. A hot row, a locked table, a heavy report or a slow dependency
fills its own compartment and the shared slots; every other route keeps its reserved ones, and threads and connections
to use them. A waiting request holds no connection, and waits no longer than its deadline. If slots are held for over
QUICK_S, fewer requests may wait for them, so that /healthz still finds a thread.
Costs refusals on the route in trouble, and a limit on how much of the pool one route may use even when all is well.
Hurts alone when slots are never given back: without a `deadline`, a few stuck requests close their route for good.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from services.common import metrics
from services.defences.deadline import left_s
from services.defences.switch import on, state
from services.defences.unavailable import Refused

RESERVED = 2
SHARED_MAX = 8  # of the 20 connections of the pool
WAITING_MAX = 16
QUICK_S = 0.5  # whoever holds a slot for longer is in trouble
THREADS = 32  # per worker, unless the server says otherwise
WAIT_S = 1.0  # for requests without a deadline


class BulkheadFull(Refused):
    reason = "bulkhead_full"


@contextmanager
def slot(resource: str, user: str = "") -> Iterator[None]:
    """Run the block in a slot of `user` for `resource`; raises BulkheadFull if none becomes free in time."""
    if not on("bulkhead"):
        yield
        return
    slots = state(f"bulkhead:{resource}", lambda: Slots(min(SHARED_MAX, _threads() // 4)))
    if not slots.take(user) and not _waited_for(slots, resource, user):
        metrics.current().sheds.labels(BulkheadFull.reason).inc()
        raise BulkheadFull
    taken_at = time.monotonic()
    try:
        yield
    finally:
        slots.give_back(user, taken_at)


class Slots:
    """The slots of one resource: RESERVED for each user, and `shared` more for whoever comes first. Thread-safe."""

    def __init__(self, shared: int) -> None:
        self._shared = shared
        self._taken: Counter[str] = Counter()
        # By user: when it last held no slot, or gave one back quickly.
        self._quick_at: dict[str, float] = {}
        self._changed = threading.Condition()

    def take(self, user: str, within_s: float = 0.0) -> bool:
        """Take a slot, if there is one or one becomes free in time."""
        with self._changed:
            if not self._taken[user]:
                self._quick_at[user] = time.monotonic()
            found = self._changed.wait_for(lambda: self._has_one_for(user), within_s)
            self._taken[user] += found
        return found

    def give_back(self, user: str, taken_at: float) -> None:
        now = time.monotonic()
        with self._changed:
            self._taken[user] -= 1
            if now - taken_at < QUICK_S:
                self._quick_at[user] = now
            self._changed.notify_all()

    def moves(self, user: str) -> bool:
        """Whether slots of this compartment come back quickly, so that waiting for one holds a thread only briefly."""
        return time.monotonic() - self._quick_at[user] < QUICK_S

    def _has_one_for(self, user: str) -> bool:
        shared = sum(max(0, taken - RESERVED) for taken in self._taken.values())
        return self._taken[user] < RESERVED or shared < self._shared


def _waited_for(slots: Slots, resource: str, user: str) -> bool:
    """Whether a slot became free in time. Does not wait if too many already wait for slots that may not come back."""
    most = min(WAITING_MAX, _threads() // 2 - 1)
    places = state("bulkhead waiting", lambda: threading.BoundedSemaphore(max(0, most)))
    moves = slots.moves(user)
    if not moves and not places.acquire(blocking=False):
        return False
    try:
        with metrics.current().waiting.labels(f"{resource} {user}".strip()).track_inprogress():
            return slots.take(user, max(0.0, left_s(WAIT_S)))
    finally:
        if not moves:
            places.release()


def _threads() -> int:
    return current_app.config.get("THREADS", THREADS)
