"""What looks at a run from a thread of its own must not end unseen."""

import threading
import time

import pytest

from lab.model import Spoiled
from lab.watching import Periodic


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
