from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors

from services.defences import idempotency, transaction_retry
from services.defences.honest_errors import effect_is_possible
from services.defences.transaction_retry import (
    ATTEMPTS_MAX,
    BUDGET_MAX,
    PER_CALL,
    PER_S,
    Budget,
    repeated,
    retried,
)
from tests.defended import defended, sample


def failing(kind: type[psycopg.Error], times: int, decorator=retried):
    """A transaction that fails so often with `kind` before it returns "done", counting its calls."""

    @decorator
    def transaction():
        transaction.calls += 1
        if transaction.calls <= times:
            raise sa.exc.OperationalError("statement", {}, kind("as planned"))
        return "done"

    transaction.calls = 0
    return transaction


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses that were taken, without taking them."""
    taken = []
    monkeypatch.setattr(transaction_retry, "time", SimpleNamespace(sleep=taken.append))
    return taken


ROLLED_BACK = [errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable]
SESSION_ENDED = [psycopg.OperationalError, errors.AdminShutdown, errors.FeatureNotSupported]


@pytest.mark.parametrize("kind", ROLLED_BACK + SESSION_ENDED)
def test_what_was_certainly_not_done_is_run_again(kind, pauses):
    app = defended("none,+transaction_retry")
    transaction = failing(kind, times=2)
    with app.app_context():
        assert transaction() == "done"
    assert transaction.calls == 3
    assert sample(app, "retries_total", what="transaction") == 2
    longest_s = transaction_retry.PAUSE_S if kind in ROLLED_BACK else transaction_retry.LOST_PAUSE_S
    shortest = 0 if kind in ROLLED_BACK else 0.5
    assert all(shortest <= pause_s / longest_s / 2**number <= 1 for number, pause_s in enumerate(pauses, 1))
    assert len(set(pauses)) == 2


@pytest.mark.parametrize("kind", [errors.QueryCanceled, errors.UniqueViolation])
def test_nothing_else_is(kind):
    transaction = failing(kind, times=1)
    with defended("none,+transaction_retry").app_context(), pytest.raises(sa.exc.DBAPIError):
        transaction()
    assert transaction.calls == 1


@pytest.mark.parametrize("kind", SESSION_ENDED)
def test_after_a_commit_was_sent_the_end_of_the_session_says_nothing_and_it_is_not_run_again(kind):
    transaction = failing(kind, times=1)
    with defended("none,+transaction_retry").test_request_context():
        effect_is_possible()
        with pytest.raises(sa.exc.DBAPIError):
            transaction()
    assert transaction.calls == 1


def under_the_key(transaction):
    """As `idempotency.once` would leave it, without a database for the keys."""
    transaction.once = True
    return retried(transaction)


@pytest.mark.parametrize("kind", SESSION_ENDED)
@pytest.mark.parametrize(("headers", "calls"), [({idempotency.HEADER: "k"}, 2), ({}, 1)])
def test_under_a_key_a_commit_without_an_answer_is_sent_again(kind, headers, calls):
    transaction = failing(kind, times=1, decorator=under_the_key)
    with defended().test_request_context(headers=headers):
        effect_is_possible()
        try:
            transaction()
        except sa.exc.DBAPIError:
            assert calls == 1
    assert transaction.calls == calls


@pytest.mark.parametrize("kind", SESSION_ENDED)
def test_what_has_no_effect_the_second_time_is_repeated_whatever_was_sent(kind):
    statement, app, rolled_back = failing(kind, times=2, decorator=repeated), defended(), []
    app.extensions["session"] = lambda: SimpleNamespace(rollback=lambda: rolled_back.append(True))
    with app.test_request_context():
        effect_is_possible()
        assert statement() == "done"
    assert (statement.calls, len(rolled_back)) == (3, 2)


def test_it_gives_up_after_the_last_attempt():
    transaction = failing(errors.DeadlockDetected, times=100)
    with defended("none,+transaction_retry").app_context(), pytest.raises(sa.exc.OperationalError):
        transaction()
    assert transaction.calls == ATTEMPTS_MAX


def test_all_requests_together_have_a_budget(monkeypatch):
    monkeypatch.setattr(transaction_retry, "PER_S", 0.0)
    with defended("none,+transaction_retry").app_context():
        transactions = [failing(errors.DeadlockDetected, times=100) for _ in range(200)]
        for transaction in transactions:
            with pytest.raises(sa.exc.OperationalError):
                transaction()
    calls = sum(transaction.calls for transaction in transactions)
    assert calls <= 200 + BUDGET_MAX + 200 * PER_CALL


def withdrawn(budget: Budget) -> int:
    """How many retries there were in it."""
    return sum(budget.withdraw() for _ in range(1000))


def test_the_budget_fills_with_calls_and_with_time_and_never_overflows():
    now_s = 0.0
    budget = Budget(clock=lambda: now_s)
    assert withdrawn(budget) == BUDGET_MAX
    for _ in range(31):
        budget.deposit()
    assert withdrawn(budget) == int(31 * PER_CALL)
    now_s += 2
    budget.deposit()
    assert withdrawn(budget) == 2 * PER_S
    now_s += 3600
    budget.deposit()
    assert withdrawn(budget) == BUDGET_MAX


def test_it_does_not_retry_what_can_no_longer_end_in_time():
    transaction = failing(errors.DeadlockDetected, times=1)
    app = defended("none,+transaction_retry,+deadline,+honest_errors")

    @app.get("/")
    def view():
        return transaction()

    answer = app.test_client().get("/", headers={"X-Deadline-S": "0"})
    assert (answer.status_code, answer.json["detail"]) == (503, "unavailable: deadlock")
    assert transaction.calls == 1


def test_off_the_first_failure_is_the_last():
    transaction = failing(errors.DeadlockDetected, times=1)
    with defended("all,-transaction_retry").app_context(), pytest.raises(sa.exc.OperationalError):
        transaction()
    assert transaction.calls == 1
