"""Bulkhead: at most SLOTS requests of a worker use one dependency at a time; the next waits WAIT_S, then is told no.

Guards the threads that have nothing to do with the slow dependency: /healthz, and the fast 503 itself, always find one.
The door must be wider than the bulkhead (32 threads, 8 slots), or the queue only forms one step earlier.
Costs refusals at a load that a patient client would have sat out.
Hurts alone when the slots are never given back: without a `deadline`, eight stuck requests close the shop.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.common import metrics
from services.defences.deadline import left_s
from services.defences.switch import on, state
from services.defences.unavailable import Refused

SLOTS = 8  # as many as the pool has, so that nobody ever queues for the pool itself
WAIT_S = 0.1


class BulkheadFull(Refused):
    reason = "bulkhead_full"


@contextmanager
def slot(name: str) -> Iterator[None]:
    """Run the block in one of the slots of dependency `name`; raises BulkheadFull when none becomes free in time."""
    if not on("bulkhead"):
        yield
        return
    slots = state(f"bulkhead:{name}", lambda: threading.BoundedSemaphore(SLOTS))
    with metrics.current().waiting.labels(name).track_inprogress():
        free = slots.acquire(timeout=max(0.0, left_s(WAIT_S)))
    if not free:
        metrics.current().sheds.labels(BulkheadFull.reason).inc()
        raise BulkheadFull
    try:
        yield
    finally:
        slots.release()
