"""The restarter: what has ended, or fails its liveness probe so many times in a row, is started again, and no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from lab.model import Event, LabError, Restarted, Restarter
from lab.runtime.restarter import START_MAX_S, Liveness, Restarting

PATIENT = Restarter(period_s=0.01, timeout_s=0.5, failures=3)
BOUND_S = 10.0


def reasons(looks: list[tuple[bool, bool]], restarter: Restarter = PATIENT) -> list[bool]:
    """After which of `looks` (running, answered), one a second, the replica is started again."""
    liveness, after = Liveness(restarter), []
    for second, (running, answered) in enumerate(looks):
        reason = liveness.after(float(second), running=running, answered=answered)
        if reason:
            liveness.restarted(float(second))
        after.append(bool(reason))
    return after


def test_so_many_failures_in_a_row_are_needed() -> None:
    ok, fails = (True, True), (True, False)
    assert reasons([fails, fails, ok, fails, fails, fails]) == [False] * 5 + [True]


def test_what_has_ended_is_started_again_at_once() -> None:
    assert reasons([(True, True), (False, False)]) == [False, True]


def test_a_replica_that_was_just_started_has_time_until_its_first_answer() -> None:
    liveness = Liveness(Restarter(failures=1))
    liveness.restarted(0.0)
    assert not liveness.after(START_MAX_S - 1, running=True, answered=False)
    assert liveness.after(START_MAX_S + 1, running=True, answered=False)


def test_after_its_first_answer_it_has_no_more_time_than_others() -> None:
    liveness = Liveness(Restarter(failures=1))
    liveness.restarted(0.0)
    assert not liveness.after(1.0, running=True, answered=True)
    assert liveness.after(2.0, running=True, answered=False)


class Replica:
    """Alive until it is told otherwise."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.restarts = 0
        self.alive = True
        self.error: LabError | OSError | None = None

    def running(self) -> bool:
        return self.alive

    def answers(self, path: str, timeout_s: float) -> bool:
        assert (path, timeout_s) == (PATIENT.path, PATIENT.timeout_s)
        return self.alive

    def restart(self) -> None:
        if self.error is not None:
            raise self.error
        self.restarts += 1
        self.alive = True


class Hiccups(Replica):
    """It runs, and answers as told, then always. None: the engine fails when it is asked the question `which`."""

    def __init__(self, looks: Sequence[bool | None], which: str) -> None:
        super().__init__("1")
        self._looks = list(looks)
        self._which = which
        self._now: bool | None = True

    def running(self) -> bool:
        return self._told("running", answer=True)

    def answers(self, path: str, timeout_s: float) -> bool:
        self._now = self._looks.pop(0) if self._looks else True
        return self._told("answers", answer=bool(self._now))

    def _told(self, question: str, *, answer: bool) -> bool:
        if self._now is None and question == self._which:
            raise LabError("Docker: read timed out.")
        return answer


class Journal:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.told = threading.Event()

    def now_s(self) -> float:
        return 1.5

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.told.set()


@contextmanager
def looked_after(*replicas: Replica) -> Iterator[Journal]:
    journal = Journal()
    restarting = Restarting(PATIENT, "naive", replicas, journal)
    restarting.start()
    try:
        yield journal
    finally:
        restarting.stop()


def test_a_restart_is_in_the_journal_and_the_other_replica_is_left_alone() -> None:
    first, second = Replica("1"), Replica("2")
    with looked_after(first, second) as journal:
        second.alive = False
        assert journal.told.wait(BOUND_S)
    (event,) = journal.events
    assert event == Restarted(twin="naive", part="service", member="2", at_s=1.5, reason="it had ended")
    assert (first.restarts, second.restarts) == (0, 1)


@pytest.mark.parametrize("error", [LabError("no memory"), OSError("no memory")], ids=type)
def test_a_replica_that_cannot_be_started_is_written_down_too(error: LabError | OSError) -> None:
    replica = Replica("1")
    replica.error = error
    with looked_after(replica) as journal:
        replica.alive = False
        assert journal.told.wait(BOUND_S)
    event = journal.events[0]
    assert isinstance(event, Restarted)
    assert event.reason == "it had ended, and cannot be started again: no memory"


@pytest.mark.parametrize("which", ["running", "answers"])
def test_a_look_that_fails_is_no_failure_of_the_replica_and_no_sign_of_life(which: str) -> None:
    replica = Hiccups([None, False, None, False, None, None, False], which)
    with looked_after(replica) as journal:
        assert journal.told.wait(BOUND_S)
    (event,) = journal.events
    assert isinstance(event, Restarted)
    assert event.reason == "it failed 3 liveness probes in a row"


def test_nothing_is_looked_after_once_it_was_stopped() -> None:
    with looked_after(Replica("1"), Replica("2")):
        assert sum(thread.name == "restarter" for thread in threading.enumerate()) == 2
    assert not any(thread.name == "restarter" for thread in threading.enumerate())
