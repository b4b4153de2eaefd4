"""Transaction retry: run a transaction again when PostgreSQL itself rolled it back to break a tie (40P01, 40001).

Guards against losing to a deadlock or a serialization failure, where nothing was done and asking again is safe.
Nothing else is retried: after a lost connection the COMMIT may have happened.
Costs the work of the attempts that lost, at the very moment when the rows are contended.
Hurts alone by hiding its cause (`lock_order` removes the deadlocks; retrying them is far slower) and, unbounded, by
multiplying the load that caused it. Hence full jitter, the deadline, and a budget for all requests together.
"""

import functools
import random
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa

from services.common import metrics
from services.defences.deadline import left_s
from services.defences.switch import on, state

SQLSTATES = ("40P01", "40001")
ATTEMPTS_MAX = 4
PAUSE_S = 0.01  # doubled with each attempt; the pause is drawn from zero up to it
PER_CALL = 0.1  # retries that each call adds to the budget, which holds at most …
BUDGET_MAX = 20.0


class Budget:
    """A bucket of retries: every call pays in a tenth, every retry takes one."""

    def __init__(self) -> None:
        self._tokens = BUDGET_MAX
        self._lock = threading.Lock()

    def deposit(self) -> None:
        with self._lock:
            self._tokens = min(BUDGET_MAX, self._tokens + PER_CALL)

    def withdraw(self) -> bool:
        """Take one retry; False when there is none left."""
        with self._lock:
            enough = self._tokens >= 1
            self._tokens -= enough
            return enough


def retried(transaction: Callable) -> Callable:
    """Decorator of a function that is one whole transaction; put it outermost."""

    @functools.wraps(transaction)
    def patient(*args, **kwargs):
        if not on("transaction_retry"):
            return transaction(*args, **kwargs)
        budget = state("transaction_retry", Budget)
        budget.deposit()
        for attempt in range(1, ATTEMPTS_MAX):
            try:
                return transaction(*args, **kwargs)
            except sa.exc.DBAPIError as error:
                pause_s = random.uniform(0, PAUSE_S * 2**attempt)
                if not _rolled_back(error) or left_s() <= pause_s or not budget.withdraw():
                    raise
            metrics.current().retries.labels("transaction").inc()
            time.sleep(pause_s)
        return transaction(*args, **kwargs)

    return patient


def _rolled_back(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in SQLSTATES
