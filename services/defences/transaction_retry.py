"""Transaction retry: repeat what PostgreSQL rolled back, and what may safely be done twice, such as a read.

Guards against losing to a deadlock or a serialization failure, and against a session that dies during a request: what
was not committed was not done, and can be done on another connection in the time that is left. A COMMIT that was sent
but not answered may have happened: it is repeated only if a second one has no effect, as under an Idempotency-Key.
Costs the work of the failed attempts, at the very moment when the rows are contended or the database is in trouble.
Hurts alone by hiding the cause (in S16 `lock_order` removes the deadlocks; retrying them is far slower) and, without
a bound, by multiplying the load that caused it. Hence backoff with full jitter, the deadline, and a retry budget that
all requests share.
"""

import functools
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from flask import current_app, g
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker

from services.common import metrics
from services.defences import idempotency, one_transaction
from services.defences.deadline import left_s
from services.defences.switch import on, state
from services.defences.unavailable import database_rule

T = TypeVar("T")

ATTEMPTS_MAX = 4
PAUSE_S = 0.01  # doubled for each attempt so far; the pause is random, from zero up to that
# The same after a lost session, but at least half of it: the server may not have noticed yet, and still hold the locks.
LOST_PAUSE_S = 0.05
# The retries that each call and each second add to the retry budget, and the most that it holds.
PER_CALL, PER_S = 0.2, 5.0
BUDGET_MAX = 20.0


class Budget:
    """A retry budget: a share of all calls under load, and a few per second when there are few calls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens, self._filled_at = BUDGET_MAX, clock()
        self._lock = threading.Lock()

    def deposit(self) -> None:
        with self._lock:
            now = self._clock()
            self._tokens = min(BUDGET_MAX, self._tokens + PER_CALL + PER_S * (now - self._filled_at))
            self._filled_at = now

    def withdraw(self) -> bool:
        """Take one retry; False if there is none left."""
        with self._lock:
            enough = self._tokens >= 1
            self._tokens -= enough
            return enough


def retried(transaction: Callable) -> Callable:
    """Decorator for a function that is one whole transaction; put it outermost."""
    return _patiently(transaction, repeatable=lambda: idempotency.protects(transaction))


def repeated(statement: Callable) -> Callable:
    """Decorator for a function that is one statement outside a transaction, and has no effect the second time."""
    return _patiently(
        statement, repeatable=lambda: True, roll_back=lambda: current_app.extensions["session"]().rollback()
    )


def _patiently(
    function: Callable, *, repeatable: Callable[[], bool], roll_back: Callable[[], None] = lambda: None
) -> Callable:
    @functools.wraps(function)
    def patient(*args, **kwargs):
        if not on("transaction_retry"):
            return function(*args, **kwargs)
        return _again_and_again(lambda: function(*args, **kwargs), repeatable(), roll_back)

    return patient


def watch(sessions: sessionmaker[Session]) -> None:
    """Repeat reads of `sessions` that broke off outside a transaction."""
    if on("transaction_retry"):
        event.listen(sessions, "do_orm_execute", _read)


def _read(asked: ORMExecuteState) -> sa.Result | None:
    """Called by SQLAlchemy instead of a statement. None leaves it to SQLAlchemy: writes, and loads of relationships."""
    if not asked.is_select or asked.is_relationship_load or one_transaction.under_way(asked.session):
        return None
    return _again_and_again(asked.invoke_statement, repeatable=True, roll_back=asked.session.rollback)


def _again_and_again(attempt: Callable[[], T], repeatable: bool, roll_back: Callable[[], None]) -> T:
    """The result of the first attempt that succeeds. `repeatable`: a second one has no effect if the first had one."""
    budget = state("transaction_retry", Budget)
    budget.deposit()
    for number in range(1, ATTEMPTS_MAX):
        try:
            return attempt()
        except sa.exc.DBAPIError as error:
            rule = database_rule(error)
            undone = rule.rolled_back or (rule.broken and not g.get("effect_is_possible", False))
            safe = undone or (rule.broken and repeatable)
            longest_s = (LOST_PAUSE_S if rule.broken else PAUSE_S) * 2**number
            pause_s = random.uniform(longest_s / 2 if rule.broken else 0, longest_s)
            if not safe or left_s() <= pause_s or not budget.withdraw():
                raise
        metrics.current().retries.labels("transaction").inc()
        roll_back()  # first, so that nobody holds a connection during the pause
        time.sleep(pause_s)
    return attempt()
