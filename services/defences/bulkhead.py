"""Bulkhead: each route, and each dependency, has a compartment of SLOTS requests per worker; further ones wait.

Guards requests that have nothing to do with the trouble. A hot row, a locked table, a heavy report or a slow dependency
fills only its own compartment, and leaves the rest of the pool and of the threads to the others. A waiting request
holds no connection, and waits no longer than its deadline. At most WAITING_MAX may wait, so that /healthz finds a
thread.
Costs refusals on the route in trouble, and a limit on how much of the pool one route may use even when all is well.
Hurts alone when slots are never given back: without a `deadline`, a few stuck requests close their route for good.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.common import metrics
from services.defences.deadline import left_s
from services.defences.switch import on, state
from services.defences.unavailable import Refused

SLOTS = 10  # half of the pool
WAITING_MAX = 16  # of the 32 threads
WAIT_S = 1.0  # for requests without a deadline


class BulkheadFull(Refused):
    reason = "bulkhead_full"


@contextmanager
def slot(name: str) -> Iterator[None]:
    """Run the block in one of the slots of compartment `name`; raises BulkheadFull if none becomes free in time."""
    if not on("bulkhead"):
        yield
        return
    slots = state(f"bulkhead:{name}", lambda: threading.BoundedSemaphore(SLOTS))
    if not slots.acquire(blocking=False) and not _waited_for(slots, name):
        metrics.current().sheds.labels(BulkheadFull.reason).inc()
        raise BulkheadFull
    try:
        yield
    finally:
        slots.release()


def _waited_for(slots: threading.BoundedSemaphore, name: str) -> bool:
    """Whether a slot became free in time. Does not wait if too many are waiting already."""
    places = state("bulkhead waiting", lambda: threading.BoundedSemaphore(WAITING_MAX))
    if not places.acquire(blocking=False):
        return False
    try:
        with metrics.current().waiting.labels(name).track_inprogress():
            return slots.acquire(timeout=max(0.0, left_s(WAIT_S)))
    finally:
        places.release()
