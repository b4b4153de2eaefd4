from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors

from services.defences import transaction_retry
from services.defences.honest_errors import effect_is_possible
from services.defences.transaction_retry import ATTEMPTS_MAX, BUDGET_MAX, Budget, retried
from tests.defended import defended, sample


def failing(kind: type[psycopg.Error], times: int):
    """A transaction that fails so often with `kind` before it returns "done", counting its calls."""

    @retried
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
    assert all(0 <= pause_s <= transaction_retry.PAUSE_S * 2**ATTEMPTS_MAX for pause_s in pauses)
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


def test_it_gives_up_after_the_last_attempt():
    transaction = failing(errors.DeadlockDetected, times=100)
    with defended("none,+transaction_retry").app_context(), pytest.raises(sa.exc.OperationalError):
        transaction()
    assert transaction.calls == ATTEMPTS_MAX


def test_all_requests_together_have_a_budget():
    with defended("none,+transaction_retry").app_context():
        transactions = [failing(errors.DeadlockDetected, times=100) for _ in range(200)]
        for transaction in transactions:
            with pytest.raises(sa.exc.OperationalError):
                transaction()
    calls = sum(transaction.calls for transaction in transactions)
    assert calls <= 200 + BUDGET_MAX + 200 * transaction_retry.PER_CALL


def test_the_budget_fills_with_calls_and_never_overflows():
    budget = Budget()
    while budget.withdraw():
        pass
    for _ in range(11):
        budget.deposit()
    assert budget.withdraw()
    assert not budget.withdraw()
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(100)) == BUDGET_MAX


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
