import threading
from contextlib import ExitStack

import pytest

from services.defences import bulkhead
from services.defences.bulkhead import SLOTS, BulkheadFull, slot
from tests.defended import defended, sample


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAIT_S", 0.01)


def test_the_first_beyond_the_slots_is_refused_after_a_bounded_wait():
    app = defended("none,+bulkhead")
    with app.app_context(), ExitStack() as held:
        for _ in range(SLOTS):
            held.enter_context(slot("database"))
        with pytest.raises(BulkheadFull), slot("database"):
            pytest.fail("one more got in")
        with slot("payments"):
            pass  # another dependency has slots of its own
        assert sample(app, "sheds_total", why="bulkhead_full") == 1


def test_a_slot_is_given_back_when_the_work_fails():
    with defended("none,+bulkhead").app_context():
        for _ in range(2 * SLOTS):
            with pytest.raises(ZeroDivisionError), slot("database"):
                raise ZeroDivisionError


def test_one_who_waits_gets_the_slot_that_becomes_free(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAIT_S", 5.0)
    app, got_in = defended("none,+bulkhead"), threading.Event()

    def wait_for_slot():
        with app.app_context(), slot("database"):
            got_in.set()

    with app.app_context(), ExitStack() as held:
        for _ in range(SLOTS):
            held.enter_context(slot("database"))
        waiter = threading.Thread(target=wait_for_slot)
        waiter.start()
        assert not got_in.wait(0.02)
        assert sample(app, "bulkhead_waiting", name="database") == 1
    waiter.join(5)
    assert got_in.is_set()
    assert sample(app, "bulkhead_waiting", name="database") == 0


def test_who_may_wait_is_limited_over_all_compartments(monkeypatch):
    monkeypatch.setattr(bulkhead, "WAITING_MAX", 0)
    monkeypatch.setattr(bulkhead, "WAIT_S", 60.0)
    with defended("none,+bulkhead").app_context(), ExitStack() as held:
        for _ in range(SLOTS):
            held.enter_context(slot("database"))
        with pytest.raises(BulkheadFull), slot("database"):
            pytest.fail("one more got in")


def test_off_there_is_no_limit():
    with defended("all,-bulkhead").app_context(), ExitStack() as held:
        for _ in range(3 * SLOTS):
            held.enter_context(slot("database"))
