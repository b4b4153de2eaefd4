import threading
from contextlib import ExitStack

import pytest

from services.defences import bulkhead
from services.defences.bulkhead import RESERVED, SHARED_MAX, BulkheadFull, slot
from tests.defended import defended, sample
from tests.stub_service import eventually

ALL = RESERVED + SHARED_MAX


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAIT_S", 0.01)


def full(held: ExitStack, *place: str, count: int = ALL) -> None:
    """Takes `count` slots, and nobody gets another."""
    for _ in range(count):
        held.enter_context(slot(*place))
    with pytest.raises(BulkheadFull), slot(*place):
        pytest.fail("one more got in")


def test_the_first_beyond_the_slots_is_refused_after_a_bounded_wait():
    app = defended("none,+bulkhead")
    with app.app_context(), ExitStack() as held:
        full(held, "database")
        with slot("payments"):
            pass  # another resource has slots of its own
        assert sample(app, "sheds_total", why="bulkhead_full") == 1


def test_every_route_keeps_its_reserved_slots_however_many_others_are_in_trouble():
    with defended("none,+bulkhead").app_context(), ExitStack() as held:
        full(held, "database", "GET /bookings/")
        full(held, "database", "GET /users/", count=RESERVED)
        full(held, "database", "GET /rooms/", count=RESERVED)


def test_a_shared_slot_that_is_given_back_is_anybodys():
    with defended("none,+bulkhead").app_context(), ExitStack() as held:
        with ExitStack() as first:
            full(first, "database", "GET /bookings/")
        full(held, "database", "GET /users/")


@pytest.mark.parametrize(("threads", "slots"), [(32, ALL), (64, ALL), (16, RESERVED + 4), (6, RESERVED + 1)])
def test_with_fewer_threads_there_are_fewer_slots_so_that_some_threads_are_left(threads, slots):
    with defended("none,+bulkhead", THREADS=threads).app_context(), ExitStack() as held:
        full(held, "payments", count=slots)


def test_a_slot_is_given_back_when_the_work_fails():
    with defended("none,+bulkhead").app_context():
        for _ in range(2 * ALL):
            with pytest.raises(ZeroDivisionError), slot("database"):
                raise ZeroDivisionError


def test_one_who_waits_gets_the_slot_that_becomes_free(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAIT_S", 60.0)
    app, got_in = defended("none,+bulkhead"), threading.Event()

    def wait_for_slot():
        with app.app_context(), slot("database", "GET /"):
            got_in.set()

    with app.app_context(), ExitStack() as held:
        for _ in range(ALL):
            held.enter_context(slot("database", "GET /"))
        waiter = threading.Thread(target=wait_for_slot)
        waiter.start()
        eventually(lambda: sample(app, "bulkhead_waiting", name="database GET /") == 1)
        assert not got_in.wait(0.02)
    waiter.join(60)
    assert got_in.is_set()
    assert sample(app, "bulkhead_waiting", name="database GET /") == 0


def test_who_may_wait_is_limited_over_all_compartments(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAITING_MAX", 0)
    monkeypatch.setattr(bulkhead, "WAIT_S", 60.0)
    monkeypatch.setattr(bulkhead, "QUICK_S", 0.0)
    with defended("none,+bulkhead").app_context(), ExitStack() as held:
        full(held, "database")


def test_where_slots_come_back_quickly_anybody_may_wait(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAITING_MAX", 0)
    monkeypatch.setattr(bulkhead, "WAIT_S", 60.0)
    monkeypatch.setattr(bulkhead, "QUICK_S", 60.0)
    app, served = defended("none,+bulkhead"), []

    def ask():
        with app.app_context(), slot("database", "GET /rooms/"):
            served.append(threading.current_thread())

    with app.app_context(), ExitStack() as held:
        for _ in range(ALL):
            held.enter_context(slot("database", "GET /bookings/"))
        askers = [threading.Thread(target=ask) for _ in range(8 * RESERVED)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert len(served) == len(askers)


def test_off_there_is_no_limit():
    with defended("all,-bulkhead").app_context(), ExitStack() as held:
        for _ in range(3 * ALL):
            held.enter_context(slot("database"))
