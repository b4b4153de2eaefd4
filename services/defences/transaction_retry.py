"""Transaction retry: repeat what PostgreSQL certainly did not do: a transaction rolled back, a read that broke off.

Guards against losing to a deadlock or a serialization failure, and against a session that dies during a request: what
was not committed was not done, and another connection may do it in what is left of the deadline. A COMMIT that was sent
but not answered is not repeated: it may have happened.
Costs the work of the failed attempts, at the very moment when the rows are contended or the database is in trouble.
Hurts alone by hiding the cause (in S16 `lock_order` removes the deadlocks; retrying them is far slower) and, without
a bound, by multiplying the load that caused it. Hence full jitter, the deadline, and a budget that all requests share.
Awaits S09: the database is restarted, and every open transaction must begin again.
"""

import functools
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from flask import g
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker

from services.common import metrics
from services.defences import one_transaction
from services.defences.deadline import left_s
from services.defences.switch import on, state
from services.defences.unavailable import database_rule

T = TypeVar("T")

ATTEMPTS_MAX = 4
PAUSE_S = 0.01  # doubled with each attempt; the pause is random, from zero up to it
PER_CALL = 0.1  # retries that each call adds to the budget, which holds at most …
BUDGET_MAX = 20.0


class Budget:
    """A budget of retries: every call adds a tenth of a retry, every retry takes one."""

    def __init__(self) -> None:
        self._tokens = BUDGET_MAX
        self._lock = threading.Lock()

    def deposit(self) -> None:
        with self._lock:
            self._tokens = min(BUDGET_MAX, self._tokens + PER_CALL)

    def withdraw(self) -> bool:
        """Take one retry; False if there is none left."""
        with self._lock:
            enough = self._tokens >= 1
            self._tokens -= enough
            return enough


def retried(transaction: Callable) -> Callable:
    """Decorator for a function that is one whole transaction; put it outermost."""

    @functools.wraps(transaction)
    def patient(*args, **kwargs):
        return (
            _again_and_again(lambda: transaction(*args, **kwargs))
            if on("transaction_retry")
            else transaction(*args, **kwargs)
        )

    return patient


def watch(sessions: sessionmaker[Session]) -> None:
    """Repeat reads of `sessions` outside a transaction that broke off."""
    if on("transaction_retry"):
        event.listen(sessions, "do_orm_execute", _read)


def _read(asked: ORMExecuteState) -> sa.Result | None:
    """Called by SQLAlchemy instead of a statement. None leaves it to SQLAlchemy: writes, and loads of relationships."""
    if not asked.is_select or asked.is_relationship_load or one_transaction.under_way(asked.session):
        return None
    return _again_and_again(asked.invoke_statement, before_the_next=asked.session.rollback)


def _again_and_again(attempt: Callable[[], T], before_the_next: Callable[[], None] = lambda: None) -> T:
    budget = state("transaction_retry", Budget)
    budget.deposit()
    for number in range(1, ATTEMPTS_MAX):
        try:
            return attempt()
        except sa.exc.DBAPIError as error:
            pause_s = random.uniform(0, PAUSE_S * 2**number)
            if not _certainly_not_done(error) or left_s() <= pause_s or not budget.withdraw():
                raise
        metrics.current().retries.labels("transaction").inc()
        time.sleep(pause_s)
        before_the_next()
    return attempt()


def _certainly_not_done(error: sa.exc.DBAPIError) -> bool:
    """PostgreSQL says so; or the session ended, which rolls back, before anything was sent that commits."""
    rule = database_rule(error)
    return rule.rolled_back or (rule.broken and not g.get("effect_is_possible", False))
