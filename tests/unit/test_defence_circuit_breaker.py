import threading

import pytest
import requests

from services.defences import circuit_breaker
from services.defences.bulkhead import BulkheadFull
from services.defences.circuit_breaker import FAILURES_MAX, RESET_S, Breaker, CircuitOpen, guard
from tests.defended import defended, sample

OUTAGE = requests.ConnectionError("gone")


@pytest.fixture
def app():
    """An app whose circuit to "database" has a clock that the test sets: `app.now`."""
    app = defended("none,+circuit_breaker")
    app.now = 0.0
    gauge = app.extensions["metrics"].breaker.labels("database")
    app.extensions["defences"].state["circuit_breaker:database"] = Breaker(gauge.set, clock=lambda: app.now)
    with app.app_context():
        yield app


def fail(error: Exception = OUTAGE, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), guard("database"):
            raise error


def state_of(app) -> float:
    return sample(app, "circuit_breaker_state", name="database")


def test_it_opens_after_so_many_outages_in_a_row_and_then_refuses_at_once(app):
    fail(times=FAILURES_MAX)
    with pytest.raises(CircuitOpen), guard("database"):
        pytest.fail("the call was made")
    assert state_of(app) == circuit_breaker.OPEN
    assert sample(app, "sheds_total", why="circuit_open") == 1


def test_one_success_between_outages_keeps_it_closed(app):
    for _ in range(3):
        fail(times=FAILURES_MAX - 1)
        with guard("database"):
            pass
    assert state_of(app) == circuit_breaker.CLOSED


@pytest.mark.parametrize("error", [ValueError("lost race"), BulkheadFull()])
def test_only_an_outage_counts(app, error):
    fail(error, times=3 * FAILURES_MAX)
    with guard("database"):
        pass


def test_a_refusal_of_another_defence_neither_counts_nor_clears(app):
    fail(times=FAILURES_MAX - 1)
    fail(BulkheadFull())
    fail()
    with pytest.raises(CircuitOpen), guard("database"):
        pass


def test_after_the_reset_time_a_successful_probe_closes_it(app):
    fail(times=FAILURES_MAX)
    app.now = RESET_S
    with guard("database"):
        pass
    with guard("database"):
        pass
    assert state_of(app) == circuit_breaker.CLOSED


def test_a_failed_probe_opens_it_for_another_reset_time(app):
    fail(times=FAILURES_MAX)
    app.now = RESET_S
    fail()
    app.now = 2 * RESET_S - 0.01
    with pytest.raises(CircuitOpen), guard("database"):
        pass


def test_a_probe_that_says_nothing_about_the_dependency_lets_the_next_one_probe(app):
    fail(times=FAILURES_MAX)
    app.now = RESET_S
    fail(BulkheadFull())
    with guard("database"):
        pass
    assert state_of(app) == circuit_breaker.CLOSED


def test_half_open_lets_exactly_one_of_many_callers_through():
    now = [0.0]
    breaker = Breaker(print, clock=lambda: now[0])
    for _ in range(FAILURES_MAX):
        breaker.leave(breaker.enter(), failed=True)
    now[0] = RESET_S
    start, through, refused = threading.Barrier(16), [], []

    def call():
        start.wait()
        try:
            through.append(breaker.enter())
        except CircuitOpen:
            refused.append(True)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (through, len(refused)) == ([True], 15)


def test_calls_do_not_wait_for_each_other(app):
    with guard("database"), guard("database"):
        pass  # a lock held during the call would never get here


def test_a_call_from_before_the_outage_changes_nothing_when_it_ends():
    positions, now = [], [0.0]
    breaker = Breaker(positions.append, clock=lambda: now[0])
    early = breaker.enter()
    for _ in range(FAILURES_MAX):
        breaker.leave(breaker.enter(), failed=True)
    breaker.leave(early, failed=False)
    with pytest.raises(CircuitOpen):
        breaker.enter()
    now[0] = RESET_S
    breaker.leave(breaker.enter(), failed=False)
    assert positions == [circuit_breaker.OPEN, circuit_breaker.HALF_OPEN, circuit_breaker.CLOSED]


def test_circuits_of_two_dependencies_are_two(app):
    fail(times=FAILURES_MAX)
    with guard("payments"):
        pass


def test_off_it_never_refuses():
    with defended("all,-circuit_breaker").app_context():
        fail(times=3 * FAILURES_MAX)
        with guard("database"):
            pass
