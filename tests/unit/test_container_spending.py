"""What the containers of a run have used: no CPU second is counted twice, also when one of them ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from lab.runtime.containers import servers
from lab.runtime.containers.servers import Spending

DAEMON, OTHERS_SHIM, SHIM, FRESH_SHIM = 8, 9, 10, 11
ROOT, FRESH_ROOT = 5_000_001, 5_000_002  # no kernel gives such a pid


@dataclass(frozen=True)
class Process:
    pid: int
    machine: Machine = field(compare=False)

    @property
    def info(self) -> dict[str, str]:
        return {"name": self.name()}

    def is_running(self) -> bool:
        return self.pid in self.machine.alive

    def name(self) -> str:
        return self.machine.alive[self.pid][0]

    def ppid(self) -> int:
        return self.machine.alive[self.pid][1]


class Machine:
    """Its processes: name and parent of each, and the CPU seconds that it has used so far."""

    def __init__(self) -> None:
        self.alive = {
            DAEMON: ("dockerd", 1),
            OTHERS_SHIM: ("containerd-shim-runc-v2", 1),
            SHIM: ("containerd-shim-runc-v2", 1),
            ROOT: ("postgres", SHIM),
        }
        self.used_s = {DAEMON: 1.0, OTHERS_SHIM: 0.1, SHIM: 0.1, FRESH_SHIM: 0.05}
        self.searches = 0

    def process_iter(self, _attributes: list[str]) -> Iterator[Process]:
        self.searches += 1
        return (Process(pid, self) for pid in self.alive)

    def process(self, pid: int) -> Process:
        if pid not in self.alive:
            raise psutil.NoSuchProcess(pid)
        return Process(pid, self)

    def cpu_s(self, pids: list[int]) -> float:
        return sum(self.used_s[pid] for pid in pids if pid in self.alive)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    known = SimpleNamespace(process_iter=made.process_iter, Process=made.process, Error=psutil.Error)
    monkeypatch.setattr(servers, "psutil", known)
    monkeypatch.setattr(servers, "cpu_s", made.cpu_s)
    return made


class Looks:
    """What more was used since the look before, for one container."""

    def __init__(self) -> None:
        state = {"Pid": ROOT}
        self.container: Any = SimpleNamespace(name="c", attrs={"State": state}, reload=lambda: None)
        self._spending = Spending()
        self._before_s = self._spending.total_s([self.container])

    def restarted(self, root: int) -> None:
        self.container.attrs["State"]["Pid"] = root

    def more_s(self) -> float:
        before_s, self._before_s = self._before_s, self._spending.total_s([self.container])
        return self._before_s - before_s


def test_what_the_engine_uses_for_the_containers_counts(machine: Machine) -> None:
    looks = Looks()
    machine.used_s |= {SHIM: 0.15, DAEMON: 1.4}
    assert looks.more_s() == pytest.approx(0.45)


def test_a_container_that_ends_does_not_count_again_among_the_children_of_its_shim(machine: Machine) -> None:
    """Else foreign CPU would shrink by as much, and hide what is really foreign."""
    looks = Looks()
    machine.used_s[SHIM] += 4.0
    assert looks.more_s() == 0.0
    machine.used_s[SHIM] += 0.1
    assert looks.more_s() == pytest.approx(0.1)


def test_what_has_ended_keeps_what_it_had_used(machine: Machine) -> None:
    looks = Looks()
    del machine.alive[SHIM], machine.alive[ROOT]
    assert looks.more_s() == 0.0


def test_the_shim_of_a_container_that_has_ended_counts_while_it_lives(machine: Machine) -> None:
    looks = Looks()
    del machine.alive[ROOT]
    looks.restarted(0)
    machine.used_s[SHIM] += 0.1
    assert looks.more_s() == pytest.approx(0.1)


def test_a_container_that_was_restarted_has_another_shim(machine: Machine) -> None:
    looks = Looks()
    del machine.alive[ROOT], machine.alive[SHIM]
    machine.alive |= {FRESH_SHIM: ("containerd-shim-runc-v2", 1), FRESH_ROOT: ("postgres", FRESH_SHIM)}
    looks.restarted(FRESH_ROOT)
    assert looks.more_s() == pytest.approx(0.05)
    machine.used_s[FRESH_SHIM] += 0.1
    assert looks.more_s() == pytest.approx(0.1)


def test_the_shims_of_other_containers_are_foreign(machine: Machine) -> None:
    looks = Looks()
    machine.used_s[OTHERS_SHIM] += 0.2
    assert looks.more_s() == 0.0


def test_all_processes_of_the_machine_are_searched_once(machine: Machine) -> None:
    """Twice a second, beside a measurement, it would cost more than it finds."""
    looks = Looks()
    for _ in range(3):
        looks.more_s()
    assert machine.searches == 1


def test_an_engine_that_was_started_again_is_found_when_it_is_there(machine: Machine) -> None:
    looks, again = Looks(), DAEMON + 100
    del machine.alive[DAEMON]
    assert looks.more_s() == 0.0
    machine.alive[again] = ("dockerd", 1)
    machine.used_s[again] = 0.5
    assert looks.more_s() == pytest.approx(0.5)
    searches = machine.searches
    assert looks.more_s() == 0.0
    assert machine.searches == searches


def test_an_engine_on_another_machine_is_searched_for_once(machine: Machine) -> None:
    machine.alive.clear()
    looks = Looks()
    assert looks.more_s() == 0.0
    assert machine.searches == 1
