"""What looks at a run from a thread of its own must not end unseen."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from lab.model import Life, Server, ServersRead, Spoiled
from lab.watching import Pauses, Periodic


class Failing(Periodic):
    def __init__(self) -> None:
        super().__init__("machine", 0.001)
        self.looked = threading.Event()

    def again(self) -> bool:
        self.looked.set()
        raise OSError("no space left on device")


class Quiet(Periodic):
    def again(self) -> bool:
        return False


def test_an_observer_that_failed_spoils_the_run() -> None:
    with (
        pytest.raises(Spoiled, match=r"stopped observing \(machine\) .*no space left"),
        Failing() as observer,
    ):
        observer.looked.wait(20)


def test_the_error_that_ended_the_run_is_told_first() -> None:
    def interrupted() -> None:
        with Failing() as observer:
            observer.looked.wait(20)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_one_that_has_nothing_to_do_ends_in_peace() -> None:
    with Quiet("watch", 0.001):
        time.sleep(0.01)


def pauses(*paused: set[str] | None) -> list[ServersRead]:
    """What is recorded of two servers of which these are found stopped, look by look, until it ends."""
    left, told = list(paused), []
    server = Server(pid=7, born_s=1.0, life=Life.RUNNING)
    servers = {"postgres/1": server, "service/1": server}
    testbed: Any = SimpleNamespace(paused=lambda _servers: left.pop(0))
    journal: Any = SimpleNamespace(now_s=lambda: 6.0, tell=told.append)
    machine: Any = SimpleNamespace(servers=lambda _twin: servers)
    looking = Pauses(("naive",), testbed, journal, machine)
    while left and looking.again():
        pass
    return told


def test_a_server_that_stands_still_between_two_looks_is_recorded_and_so_is_its_return() -> None:
    told = pauses(set(), {"postgres/1"}, {"postgres/1"}, set(), set())
    assert [{name: server.life for name, server in event.changed.items()} for event in told] == [
        {"postgres/1": Life.PAUSED},
        {"postgres/1": Life.RUNNING},
    ]


def test_where_a_look_is_dear_there_is_none() -> None:
    assert pauses(None, {"postgres/1"}) == []
