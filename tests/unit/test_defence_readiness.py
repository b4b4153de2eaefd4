import psycopg
import pytest
import sqlalchemy as sa

from services.defences import graceful_shutdown, readiness
from services.defences.bulkhead import BulkheadFull
from services.defences.circuit_breaker import CircuitOpen
from services.defences.connection_pool import NoConnection
from services.defences.deadline import NoAnswer
from tests.defended import defended


class Session:
    """A session whose statements raise `error`, if any."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def execute(self, statement):
        if self.error:
            raise self.error


def obstacle(error: Exception | None = None) -> str:
    app = defended()
    app.extensions["session"] = lambda: Session(error)
    with app.app_context():
        return readiness.obstacle()


def lost(error: psycopg.Error) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("SELECT 1", {}, error)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (None, ""),
        (lost(NoAnswer()), "no_answer"),
        (lost(psycopg.OperationalError()), "connection_lost"),
        (NoConnection(), "no_connection"),
        (CircuitOpen(), "circuit_open"),
    ],
)
def test_it_is_ready_when_the_database_can_be_reached(error, why):
    assert obstacle(error) == why


@pytest.mark.parametrize("busy", [BulkheadFull(), sa.exc.TimeoutError()])
def test_being_busy_is_no_reason_to_be_taken_out_of_service(busy):
    assert obstacle(busy) == ""


def test_a_bug_is_not_passed_off_as_an_outage():
    with pytest.raises(ZeroDivisionError):
        obstacle(ZeroDivisionError())


def test_it_is_not_ready_while_it_drains_and_then_asks_nobody():
    app = defended()
    with app.app_context():
        graceful_shutdown._flag().set()
        assert readiness.obstacle() == "draining"
