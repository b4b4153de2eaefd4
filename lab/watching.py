"""Observes a run while it goes on, a few times a second.

`Watch` observes the parts that break (alive or not, limits, memory, CPU) if the scenario breaks parts or has a
restarter; otherwise its thread ends at once. `Machine` observes the machine and all servers, `Pauses` more often
whether one of these stands still. `Alive` checks that everything that measures is still running.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from lab.model import SERVICE, Kind, LabError, Life, Server, ServersRead, Spoiled, Target, a_part
from lab.plan.programs import probes
from lab.plan.runs import RunPlan
from lab.ports import Child, Journal, Testbed, Watched
from lab.record import RunWriter

EVERY_S = 0.2
ALIVE_EVERY_S = 0.5
MACHINE_EVERY_S = 0.5
PAUSES_EVERY_S = 0.2  # a server that is stopped for half a second must be seen
END_TIMEOUT_S = 5.0


class Periodic:
    """A context manager: within it a thread calls `again` every `every_s` seconds, until that returns False."""

    def __init__(self, name: str, every_s: float) -> None:
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_on, name=name, daemon=True)
        self._failed: Exception | None = None

    def again(self) -> bool:
        """One turn."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(END_TIMEOUT_S)
        if error is None and self._failed is not None:
            raise Spoiled(
                f"The lab stopped observing ({self._thread.name}) mid-run, so no twin is judged: {self._failed!r}. "
                "Run it again."
            ) from self._failed

    def _keep_on(self) -> None:
        try:
            while not self._stop.wait(self._every_s) and self.again():
                pass
        except Exception as error:  # noqa: BLE001 - whatever it was, what it would have seen is missing
            self._failed = error


class Watch(Periodic):
    """Observes the parts that break, and records what it sees. Ends at once if there are none."""

    def __init__(self, plan: RunPlan, testbed: Testbed, writer: RunWriter, journal: Journal) -> None:
        super().__init__("watch", EVERY_S)
        self._testbed = testbed
        self._writer = writer
        self._journal = journal
        self._parts = [(twin, target) for target in watched_parts(plan) for twin in plan.names]

    def again(self) -> bool:
        for twin, target in self._parts:
            self._look(twin, self._testbed.watched(twin, target))
        return bool(self._parts)

    def _look(self, twin: str, part: Watched) -> None:
        """One look; a part that cannot be observed just now leaves a gap, which the proofs notice."""
        try:
            seen = part.look()
        except LabError:
            return
        t0 = time.monotonic() - self._journal.now_s()
        self._writer.parts(twin, [replace(sample, start_s=round(sample.start_s - t0, 6)) for sample in seen])


class Machine(Periodic):
    """Observes the whole machine and every server of every twin, and records what it sees."""

    def __init__(self, twins: Sequence[str], testbed: Testbed, writer: RunWriter, journal: Journal) -> None:
        super().__init__("machine", MACHINE_EVERY_S)
        self._twins = twins
        self._testbed = testbed
        self._writer = writer
        self._journal = journal
        self._known: dict[str, Mapping[str, Server]] = {}

    def servers(self, twin: str) -> Mapping[str, Server]:
        """As they were read last."""
        return self._known.get(twin, {})

    def __enter__(self) -> Self:
        self._look(tell_all=True)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if error is None:
            self._look(tell_all=True)

    def again(self) -> bool:
        self._look()
        return True

    def _look(self, *, tell_all: bool = False) -> None:
        """`tell_all`: record the reading even if nothing has changed, to show that it was made."""
        if (sample := self._testbed.look()) is not None:
            at_s = sample.at_s - time.monotonic() + self._journal.now_s()
            self._writer.machine(replace(sample, at_s=round(at_s, 6)))
        for twin in self._twins:
            known, now = self._known.get(twin, {}), self._testbed.servers(twin)
            changed = {name: server for name, server in now.items() if known.get(name) != server}
            self._known[twin] = now
            if changed or tell_all:
                self._journal.tell(ServersRead(twin=twin, at_s=self._journal.now_s(), changed=changed))


class Pauses(Periodic):
    """Records which servers of every twin are stopped, and which continue, between two looks of `machine`."""

    def __init__(self, twins: Sequence[str], testbed: Testbed, journal: Journal, machine: Machine) -> None:
        super().__init__("pauses", PAUSES_EVERY_S)
        self._testbed = testbed
        self._journal = journal
        self._machine = machine
        self._paused: dict[str, Collection[str]] = dict.fromkeys(twins, ())

    def again(self) -> bool:
        for twin, before in self._paused.items():
            servers = self._machine.servers(twin)
            now = self._testbed.paused(servers)
            if now is None:
                return False
            changed = {
                name: replace(server, life=Life.PAUSED if name in now else Life.RUNNING)
                for name, server in servers.items()
                if (name in now) != (name in before)
            }
            self._paused[twin] = now
            if changed:
                self._journal.tell(ServersRead(twin=twin, at_s=self._journal.now_s(), changed=changed))
        return True


class Alive(Periodic):
    """Checks that the testbed and `children`, by (twin, program), are still running."""

    def __init__(self, children: Mapping[tuple[str, str], Child], testbed: Testbed) -> None:
        super().__init__("alive", ALIVE_EVERY_S)
        self._children = children
        self._testbed = testbed
        self._gone: Spoiled | None = None

    def check(self) -> None:
        """Raises Spoiled as soon as something that the measurement needs has ended."""
        if self._gone is not None:
            raise self._gone

    def again(self) -> bool:
        try:
            self._testbed.check()
            for (twin, program), child in self._children.items():
                if not child.running():
                    must_not_have_failed(twin, program, child, END_TIMEOUT_S)
        except LabError as error:
            self._gone = Spoiled(str(self._without_testbed() or error))
        return self._gone is None

    def _without_testbed(self) -> LabError | None:
        """The error of the testbed if it has ended: then the children have only ended with it."""
        try:
            self._testbed.check()
        except LabError as error:
            return error
        return None


def must_not_have_failed(twin: str, program: str, child: Child, timeout_s: float) -> None:
    """Raises LabError if `child` has failed. One that ended early with exit code 0 has done all it had to do."""
    if (code := child.wait(timeout_s)) != 0:
        raise LabError(
            f"The program {program!r} beside the {twin} twin ended mid-run, with exit code {code}, so no twin is "
            f"judged. See {twin}/logs/{program}.log in the run's folder, then run it again."
        )


def what_has_gone(error: BaseException | None, testbed: Testbed) -> LabError | None:
    """The loss that ended the measurement, if any: found in the chain of `error`, or by asking the testbed now."""
    while error is not None and not isinstance(error, Spoiled):
        error = error.__context__
    try:
        testbed.check()
    except LabError as gone:
        return error or gone
    return error


def watched_parts(plan: RunPlan) -> tuple[Target, ...]:
    """The parts that a fault acts on, and the service if a restarter looks after it."""
    broken = [a_part(probe.target.name) for probe in probes(plan) if probe.target.kind is Kind.PART]
    restarted = [a_part(SERVICE)] if plan.scenario.topology.restarter else []
    return tuple(dict.fromkeys((*broken, *restarted)))
