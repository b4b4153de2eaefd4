"""What every runtime must be able to do to a part: one suite for both runtimes, with the proofs of the faults.

A subclass names a fixture `start`: it starts PROGRAM in one of its modes, and answers with its control. The program is
a family, as servers are: a parent and two children, the second in a session of its own, as PostgreSQL's are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import count

import pytest

from lab.faults import CpuLimit, DescriptorLimit, Kill, MemoryLimit, Pause, Stop
from lab.faults.parts.members import PartFault
from lab.model import SERVICE, LabError, Life, PartSample, PartState, Seen, StateFault
from lab.runtime.parts import HEALTHY, Control, PartActuator, PartPerformer
from tests.timing import steadily

Start = Callable[[str], Control]

PROGRAM = """
import os, signal, sys, time
mode = sys.argv[1]
signal.signal(signal.SIGHUP, lambda *_: None)  # a server takes it as a hint to read its configuration again
def leave(*_):
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)  # before anybody can see that the family is complete
children = [0, 0]
for n in (0, 1):
    children[n] = os.fork()
    if not children[n]:
        if n:
            os.setsid()
        break
else:
    n = 2  # the parent
def grown():
    held = []
    while len(held) < 60:
        held.append(bytes(1 << 20).replace(b"\\0", b"x"))
        time.sleep(0.005)
    time.sleep(1e6)
def again(*_):
    pid, _ = os.wait()
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        grown()
if mode == "grow" and n == 2:
    signal.signal(signal.SIGCHLD, again)  # as gunicorn does with a worker
if mode == "grow" and n == 1:
    grown()
if mode == "files" and n == 1:
    files = []
    while True:
        try:
            files.append(open("/dev/null"))
        except OSError:
            pass
        del files[200:]
        time.sleep(0.002)
while True:
    time.sleep(0.01) if mode != "busy" else sum(range(10_000))
"""
LOOK_S = 0.1
STARTED_S = 120.0  # a part gives way to all others: on two cores that are both in use, it starts late
FAULTS: list[tuple[str, PartFault]] = [
    ("idle", Pause(part=SERVICE)),
    ("idle", Stop(part=SERVICE)),
    ("idle", Stop(part=SERVICE, grace_s=0)),
    ("busy", CpuLimit(part=SERVICE, cpus=0.2)),
    ("grow", MemoryLimit(part=SERVICE, memory_mib=40)),
    ("files", DescriptorLimit(part=SERVICE, descriptors=32)),
    ("idle", Kill(part=SERVICE)),
]


def looks(control: Control, number: int = 12) -> Seen:
    """Samples, as a run takes them."""
    found: list[PartSample] = []
    for _ in range(number):
        found.append(control.look())
        time.sleep(LOOK_S)
    return Seen(samples=found)


def eventually(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + STARTED_S
    for _ in count():
        if true():
            return
        assert time.monotonic() < give_up
        time.sleep(0.02)


class PartSuite:
    """See above."""

    @pytest.mark.parametrize(("mode", "fault"), FAULTS, ids=lambda value: getattr(value, "kind", ""))
    def test_a_fault_is_echoed_observed_and_healed(self, start: Start, mode: str, fault: PartFault) -> None:
        def broken() -> None:
            """A limit that is kept by a thread of the lab's is not kept while the machine stands still."""
            control = start(mode)
            actuator = PartActuator([control])
            before = looks(control, 5)
            if isinstance(fault, StateFault):
                assert actuator.set(fault.state()) == fault.state()
            else:
                assert PartPerformer([control]).perform(Kill(part=SERVICE).action()) == 1
            during = looks(control)
            if isinstance(fault, StateFault):
                assert actuator.get() == fault.state()
            assert actuator.set(HEALTHY) == HEALTHY
            after = looks(control)

            assert fault.observed(before, during).proved, (fault.observed(before, during), during.samples)
            assert fault.healed(before, during, after).proved, (
                fault.healed(before, during, after),
                after.samples,
            )
            later = fault.observed(before, looks(control, 5))
            assert not later.proved or isinstance(fault, Kill | MemoryLimit)

        steadily(broken)

    def test_what_is_dead_cannot_be_killed_again(self, start: Start) -> None:
        control = start("idle")
        kill = PartPerformer([control])

        assert [kill.perform(Kill(part=SERVICE).action()) for _ in range(2)] == [1, 0]

    def test_one_that_was_killed_counts_as_asked_and_comes_back_by_healing_alone(self, start: Start) -> None:
        control = start("idle")
        actuator = PartActuator([control])
        control.kill()

        assert actuator.get() == HEALTHY  # nobody asked for it to be dead
        assert actuator.set(PartState(cpus=0.5)) == PartState(cpus=0.5)
        assert control.look().life is Life.DEAD
        assert actuator.set(HEALTHY) == HEALTHY
        assert control.look().life is Life.RUNNING
        assert control.look().restarts == 1

    def test_states_of_one_part_add_up_and_come_apart_again(self, start: Start) -> None:
        actuator = PartActuator([start("busy")])
        limited = PartState(cpus=0.3)
        both = limited.plus(PartState(life=Life.PAUSED))

        assert [actuator.set(state) for state in (limited, both)] == [limited, both]
        assert actuator.get() == both
        assert actuator.set(limited) == limited
        assert actuator.set(limited.plus(PartState(life=Life.DEAD))).life is Life.DEAD
        assert actuator.set(PartState(life=Life.DEAD)) == PartState(life=Life.DEAD)
        assert actuator.set(HEALTHY) == HEALTHY

    def test_all_members_are_hit_and_the_one_that_was_not_is_told(self, start: Start) -> None:
        controls = [start("idle"), start("idle")]
        paused = PartState(life=Life.PAUSED)
        both, second = PartActuator(controls), PartActuator(controls[1:])

        assert both.set(paused) == paused
        assert second.set(HEALTHY) == HEALTHY
        assert both.get() == HEALTHY  # the second's
        assert lives(controls) == [Life.PAUSED, Life.RUNNING]
        assert both.set(HEALTHY) == HEALTHY
        assert PartPerformer(controls).perform(Kill(part=SERVICE).action()) == 2

    def test_it_cannot_be_in_a_state_of_something_else(self, start: Start) -> None:
        from lab.model import EndSessions, LinkState

        with pytest.raises(TypeError):
            PartActuator([start("idle")]).set(LinkState())
        with pytest.raises(LabError):
            PartPerformer([start("idle")]).perform(EndSessions())


def lives(controls: Sequence[Control]) -> list[Life]:
    return [control.look().life for control in controls]
