import psycopg
import pytest
import requests
import sqlalchemy as sa
from psycopg import errors

from services.defences.bulkhead import BulkheadFull
from services.defences.circuit_breaker import CircuitOpen
from services.defences.deadline import DeadlineExceeded, NoAnswer
from services.defences.honest_errors import effect_is_possible
from services.defences.unavailable import is_outage, reason
from tests.defended import defended, sample


def wrapped(error: psycopg.Error) -> sa.exc.DBAPIError:
    return sa.exc.DBAPIError.instance(
        "statement", {}, error, psycopg.Error, dialect=sa.create_engine("postgresql://").dialect
    )


def answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


OUTAGES = [
    (wrapped(NoAnswer()), "no_answer"),
    (wrapped(psycopg.OperationalError("server closed the connection")), "connection_lost"),
    (wrapped(psycopg.InterfaceError("the connection is closed")), "connection_lost"),
    (wrapped(errors.AdminShutdown()), "connection_lost"),
    (wrapped(errors.TooManyConnections()), "too_many_connections"),
    (requests.ConnectionError(), "dependency_cut_off"),
    (requests.ReadTimeout(), "dependency_timeout"),
    (answered(503), "dependency_failing"),
]
TROUBLE = [
    (wrapped(DeadlineExceeded()), "deadline"),
    (wrapped(errors.DeadlockDetected()), "deadlock"),
    (wrapped(errors.SerializationFailure()), "serialization_failure"),
    (wrapped(errors.LockNotAvailable()), "lock_timeout"),
    (wrapped(errors.QueryCanceled()), "statement_timeout"),
    (errors.DeadlockDetected(), "deadlock"),
    (sa.exc.PendingRollbackError(), "session_state"),
    (CircuitOpen(), "circuit_open"),
    (BulkheadFull(), "bulkhead_full"),
    (sa.exc.TimeoutError(), "pool_timeout"),
    (answered(422), "dependency_refused"),
    (answered(429), "dependency_busy"),
]
BUGS = [
    wrapped(errors.UniqueViolation()),
    wrapped(errors.UndefinedTable()),
    requests.exceptions.InvalidURL(),
    ValueError(),
]


@pytest.mark.parametrize(("error", "why"), OUTAGES + TROUBLE)
def test_each_availability_error_has_its_reason(error, why):
    assert reason(error) == why


@pytest.mark.parametrize("error", BUGS)
def test_a_bug_has_none(error):
    assert reason(error) == ""


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ZeroDivisionError()])
def test_what_no_dependency_said_says_nothing_about_it(error):
    assert is_outage(error) is None


def test_only_a_dependency_that_is_away_is_an_outage():
    assert all(is_outage(error) for error, _ in OUTAGES)
    assert not any(is_outage(error) for error, _ in TROUBLE)
    assert not any(is_outage(error) for error in BUGS)


def answer(defences: str, error: Exception, *, method: str = "POST", sent: bool = False):
    """(app, what it answers to a request that fails with `error`, after having `sent` something)."""
    app = defended(defences)

    @app.route("/", methods=["GET", "POST"])
    def view():
        if sent:
            effect_is_possible()
        raise error

    return app, app.test_client().open("/", method=method)


@pytest.mark.parametrize(
    ("method", "sent", "effect"), [("POST", False, "none"), ("POST", True, "unknown"), ("GET", True, "none")]
)
def test_the_effect_is_none_until_something_was_sent_that_may_have_one(method, sent, effect):
    app, response = answer("all", CircuitOpen(), method=method, sent=sent)
    assert (response.status_code, response.json["effect"]) == (503, effect)
    assert 1 <= int(response.headers["Retry-After"]) <= 3
    assert response.content_type == "application/problem+json"
    assert (
        sample(app, "http_requests_total", route="/", method=method, code="503", reason="circuit_open") == 1
    )


def test_those_who_are_refused_together_are_not_told_to_come_back_together():
    assert len({answer("all", CircuitOpen())[1].headers["Retry-After"] for _ in range(40)}) > 1


def test_a_payment_that_was_declined_is_no_refusal_while_the_booking_may_be_there():
    _, response = answer("all", answered(402), sent=True)
    assert (response.status_code, response.json["effect"]) == (503, "unknown")


def test_a_payment_that_was_declined_is_the_customers_to_know():
    _, response = answer("all", answered(402))
    assert (response.status_code, response.json["effect"]) == (402, "none")
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize(
    ("defences", "error"), [("all,-honest_errors", OUTAGES[0][0]), ("all", BUGS[0]), ("all", BUGS[2])]
)
def test_with_the_defence_off_or_for_a_bug_the_answer_is_500_and_says_nothing_of_the_effect(defences, error):
    _, response = answer(defences, error)
    assert response.status_code == 500
    assert "effect" not in response.json
