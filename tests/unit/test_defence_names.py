import socket
import threading

import pytest

from services.defences.names import FRESH_S, Names
from tests.stub_service import eventually

ANSWERS = [(0, 0, 0, "", ("10.0.0.1", 0)), (0, 0, 0, "", ("10.0.0.1", 0)), (0, 0, 0, "", ("10.0.0.2", 0))]


class Resolver:
    """Answers as told, and counts how often it was asked; hangs while `hung`."""

    def __init__(self) -> None:
        self.asked, self.answer, self.free = 0, ANSWERS, threading.Event()
        self.free.set()

    def __call__(self, host, *_, **__):
        self.asked += 1
        self.free.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def resolver():
    made = Resolver()
    yield made
    made.free.set()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
def test_an_address_needs_no_lookup(resolver, host):
    assert Names(resolver).addresses(host, 60) == [host]
    assert resolver.asked == 0


def test_a_name_is_looked_up_once_while_its_answer_is_fresh(resolver):
    now = [0.0]
    names = Names(resolver, lambda: now[0])
    assert [names.addresses("db", 60) for _ in range(3)] == [["10.0.0.1", "10.0.0.2"]] * 3
    assert resolver.asked == 1
    now[0] = FRESH_S
    names.addresses("db", 60)  # which does not wait for the new answer for long
    eventually(lambda: resolver.asked == 2)


def test_a_lookup_that_hangs_costs_no_more_than_the_bound_and_one_thread(resolver):
    names = Names(resolver)
    resolver.free.clear()
    for _ in range(3):
        with pytest.raises(TimeoutError, match="db"):
            names.addresses("db", 0.01)
    resolver.free.set()
    assert names.addresses("db", 60) == ["10.0.0.1", "10.0.0.2"]
    assert resolver.asked == 1


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
def test_an_old_answer_serves_while_there_is_no_new_one_and_at_once(resolver, trouble):
    now = [0.0]
    names = Names(resolver, lambda: now[0])
    found = names.addresses("db", 60)
    now[0] = FRESH_S
    if trouble == "hangs":
        resolver.free.clear()
        resolver.answer = [(0, 0, 0, "", ("10.0.0.3", 0))]  # what would be found by whoever waits to the end
    else:
        resolver.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
    assert names.addresses("db", 60) == found


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_NONAME, "unknown"), UnicodeError("label too long")]
)
def test_a_name_that_there_is_not_is_an_error_and_asked_for_again(resolver, error):
    resolver.answer = error
    names = Names(resolver)
    with pytest.raises(OSError, match=str(error.args[-1])):
        names.addresses("db", 60)
    resolver.answer = ANSWERS
    assert names.addresses("db", 60)
