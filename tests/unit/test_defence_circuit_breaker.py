import threading

import pytest
import requests

from services.defences import circuit_breaker
from services.defences.bulkhead import BulkheadFull
from services.defences.circuit_breaker import (
    FAILURES_MAX,
    OPEN_AFTER_S,
    RESET_S,
    Breaker,
    CircuitOpen,
    guard,
)
from services.defences.deadline import DeadlineExceeded, NoAnswer, Stopped
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


def break_it(app) -> None:
    """Open the circuit, at 0.0 by its clock."""
    app.now = -OPEN_AFTER_S
    fail(times=FAILURES_MAX - 1)
    app.now = 0.0
    fail()


def opened(clock: list[float], tell=print) -> Breaker:
    """A breaker that has just opened, at 0.0 by its clock."""
    clock[0] = -OPEN_AFTER_S
    breaker = Breaker(tell, clock=lambda: clock[0])
    calls = [breaker.enter() for _ in range(FAILURES_MAX)]
    clock[0] = 0.0
    for call in calls:
        breaker.leave(call, failed=True)
    return breaker


def state_of(app) -> float:
    return sample(app, "circuit_breaker_state", name="database")


def test_it_opens_after_so_many_outages_in_a_row_and_then_refuses_at_once(app):
    break_it(app)
    with pytest.raises(CircuitOpen), guard("database"):
        pytest.fail("the call was made")
    assert state_of(app) == circuit_breaker.OPEN
    assert sample(app, "sheds_total", why="circuit_open") == 1


def test_outages_in_quick_succession_are_a_link_that_flaps_and_keep_it_closed(app):
    fail(times=10 * FAILURES_MAX)
    app.now = OPEN_AFTER_S - 0.01
    fail(times=10 * FAILURES_MAX)
    assert state_of(app) == circuit_breaker.CLOSED


def test_an_answer_in_the_middle_of_a_call_counts_as_one_even_when_the_call_fails(app):
    """Each request fails after a long wait, but the database answered its first statements: slow is not dead."""

    def slow():
        with guard("database"):
            circuit_breaker.learn("database", None)
            app.now += 1.0
            raise OUTAGE

    for _ in range(3 * FAILURES_MAX):
        with pytest.raises(requests.ConnectionError):
            slow()
    assert state_of(app) == circuit_breaker.CLOSED


def test_calls_that_all_failed_after_a_long_wait_open_it_at_once():
    with pytest.raises(CircuitOpen):
        opened([0.0]).enter()


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


@pytest.mark.parametrize("error", [BulkheadFull(), DeadlineExceeded(), NoAnswer(waited_s=0.1)], ids=repr)
def test_what_says_nothing_about_the_dependency_neither_counts_nor_clears(app, error):
    """Another defence refused, or the request had no time left."""
    app.now = -OPEN_AFTER_S
    fail(times=FAILURES_MAX - 1)
    fail(error)
    circuit_breaker.learn("database", error)
    app.now = 0.0
    fail()
    with pytest.raises(CircuitOpen), guard("database"):
        pass


def test_a_statement_that_the_database_stopped_when_asked_is_an_answer(app):
    for _ in range(3):
        fail(times=FAILURES_MAX - 1)
        fail(Stopped())
        app.now += OPEN_AFTER_S
    assert state_of(app) == circuit_breaker.CLOSED


def test_after_the_reset_time_a_successful_probe_closes_it(app):
    break_it(app)
    app.now = RESET_S
    with guard("database"):
        pass
    with guard("database"):
        pass
    assert state_of(app) == circuit_breaker.CLOSED


def test_a_failed_probe_opens_it_for_another_reset_time(app):
    break_it(app)
    app.now = RESET_S
    fail()
    app.now = 2 * RESET_S - 0.01
    with pytest.raises(CircuitOpen), guard("database"):
        pass


def test_a_probe_that_says_nothing_about_the_dependency_lets_the_next_one_probe(app):
    break_it(app)
    app.now = RESET_S
    fail(BulkheadFull())
    with guard("database"):
        pass
    assert state_of(app) == circuit_breaker.CLOSED


def test_half_open_lets_exactly_one_of_many_callers_through():
    now = [0.0]
    breaker = opened(now)
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
    assert ([call.probe for call in through], len(refused)) == ([True], 15)


def test_calls_do_not_wait_for_each_other(app):
    with guard("database"), guard("database"):
        pass  # a lock held during the call would never get here


def test_an_answer_to_a_call_from_before_the_outage_closes_it_for_an_answer_is_an_answer():
    positions, now = [], [-OPEN_AFTER_S]
    breaker = opened(now, positions.append)
    breaker.note(failed=False)
    assert not breaker.is_open()
    assert positions == [circuit_breaker.OPEN, circuit_breaker.CLOSED]


def test_its_position_is_told_whenever_it_changes():
    positions, now = [], [0.0]
    breaker = opened(now, positions.append)
    now[0] = RESET_S
    breaker.leave(breaker.enter(), failed=None)
    breaker.leave(breaker.enter(), failed=False)
    assert positions == [1 + circuit_breaker.HALF_OPEN, 1, 2, 1, 0]


def test_circuits_of_two_dependencies_are_two(app):
    break_it(app)
    with guard("payments"):
        pass


def test_off_it_never_refuses():
    with defended("all,-circuit_breaker").app_context():
        fail(times=3 * FAILURES_MAX)
        with guard("database"):
            pass
