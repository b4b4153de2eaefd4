"""Walks one run through its phases, through ports only: what happens when, and nothing of how it is judged.

Up, heal, warm-up, baseline, fault, heal, recovery, drain, final read. All that is seen goes to the run folder; all that
was broken on purpose is healed at the start and at the end, whatever happens in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from lab.injector import Injector, Step
from lab.model import FAULT, PHASES, CpuRead, LabError, PhaseStarted, StepTaken
from lab.plan import programs
from lab.plan.arrivals import plan_arrivals, surges
from lab.plan.runs import RunPlan
from lab.plan.states import describe
from lab.ports import Child, Clock, Testbed
from lab.provenance import manifest
from lab.record import FolderJournal, RunWriter, Status
from lab.watching import Watch

LEAD_S = 0.3  # from the go to T0: time for every child to see it
READY_TIMEOUT_S = 30.0
READ_TIMEOUT_S = 20.0


class Runner:
    """One walk through one plan."""

    def __init__(
        self,
        plan: RunPlan,
        testbed: Testbed,
        writer: RunWriter,
        journal: FolderJournal,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self._testbed = testbed
        self._writer = writer
        self._journal = journal
        self._clock = clock
        self._faults = plan.scenario.faults
        self._injector = Injector(plan, testbed, journal, clock)
        self._t0 = 0.0
        self._planned = 0

    def run(self) -> None:
        """Run the plan and leave a complete run folder; on any exception heal, take all down and mark it aborted."""
        self._manifest(Status.RUNNING)
        try:
            with self._standing():
                self._injector.heal()
                self._read_data("initial")
                with self._children() as (loads, observers):
                    self._go()
                    with Watch(self._plan, self._testbed, self._writer, self._journal):
                        try:
                            self._walk()
                        finally:
                            self._injector.heal()
                        self._await(loads, self._plan.scenario.load.client_timeout_s + 10)
                    self._await(observers, self._plan.phases.drain_s + 10)
                self._injector.read_proxies(self._plan.phases.total_s)
                self._say("reading the data that is left")
                self._read_data("final")
        except BaseException:
            self._manifest(Status.ABORTED)
            raise
        finally:
            self._injector.close()
            self._journal.close()
            self._writer.open_up()
        self._manifest(Status.COMPLETE)
        self._writer.seal()

    # -- what surrounds the walk ------------------------------------------------------------------------------

    @contextmanager
    def _standing(self) -> Iterator[None]:
        """All twins up; their logs are kept and everything is down again at the end, even after half a start."""
        try:
            self._say(f"starting {' and '.join(self._plan.names)}")
            self._planned = self._plan_load()
            self._testbed.up(self._journal)
            yield
        finally:
            for twin in self._plan.names:
                self._testbed.collect(twin, self._writer.twin_folder(twin))
            self._testbed.down()

    def _plan_load(self) -> int:
        plan = self._plan
        extra = surges(self._faults, plan.switches)
        load, workload = plan.scenario.load, plan.workload
        arrivals = plan_arrivals(load, plan.phases, plan.seed, workload, plan.stack.sizes, extra)
        return self._writer.schedule(arrivals)

    @contextmanager
    def _children(self) -> Iterator[tuple[list[Child], list[Child]]]:
        """Load and observer of each twin, ready and waiting for T0; stopped at the end if they still run."""
        children: list[Child] = []
        try:
            loads = [self._spawn(twin, "load", children) for twin in self._plan.names]
            observers = [self._spawn(twin, "observe", children) for twin in self._plan.names]
            self._await_ready(children)
            yield loads, observers
        finally:
            for child in children:
                child.stop()

    def _spawn(self, twin: str, program: str, children: list[Child]) -> Child:
        plan, addresses = self._plan, self._testbed.targets(twin)
        config = (
            programs.load(twin, plan, addresses) if program == "load" else programs.observe(plan, addresses)
        )
        folder = self._writer.twin_folder(twin)
        child = self._testbed.spawn(twin, f"loadtests.{program}", config, folder, program)
        children.append(child)
        return child

    def _await_ready(self, children: list[Child]) -> None:
        give_up = time.monotonic() + READY_TIMEOUT_S
        ready = [
            self._writer.twin_folder(twin) / f"{name}.ready.json"
            for twin in self._plan.names
            for name in ("load", "observe")
        ]
        while not all(path.exists() for path in ready):
            dead = [child for child in children if not child.running()]
            if dead or time.monotonic() > give_up:
                missing = ", ".join(f"{path.parent.name}/{path.name}" for path in ready if not path.exists())
                raise LabError(
                    f"The load did not get ready ({missing} is missing); see the logs folder beside it."
                )
            time.sleep(0.02)

    def _await(self, children: list[Child], timeout_s: float) -> None:
        for child in children:
            child.wait(timeout_s)

    # -- the walk ---------------------------------------------------------------------------------------------

    def _go(self) -> None:
        self._t0 = self._clock.now() + LEAD_S
        self._journal.begin(self._t0)
        self._writer.t0(self._t0)
        self._manifest(Status.RUNNING)

    def _walk(self) -> None:
        """Everything that has its instant, in order: changes by faults, phase edges, readings of the targets."""
        self._clock.be_punctual()
        for at_s, step in sorted(self._timeline(), key=lambda item: item[0]):
            self._clock.sleep_until(self._t0 + at_s)
            step()

    def _timeline(self) -> Iterator[Step]:
        """What must be punctual comes first among what shares an instant."""
        yield from self._injector.steps()
        for phase in PHASES:
            yield self._plan.phases.window(phase)[0], partial(self._enter, phase)

    def _enter(self, phase: str) -> None:
        self._journal.tell(PhaseStarted(phase=phase, at_s=self._journal.now_s()))
        for twin in self._plan.names:
            cpu_s = self._testbed.cpu_s(twin)
            self._journal.tell(CpuRead(twin=twin, at_s=self._journal.now_s(), cpu_s=cpu_s))
        self._say(phase if phase != FAULT else "fault: " + describe(self._faults))

    # -- what is written down ---------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._journal.tell(StepTaken(text=text, at_s=self._journal.now_s() if self._t0 else None))

    def _read_data(self, name: str) -> None:
        """All rows of all twins' stores, past every proxy, into NAME.json."""
        if not self._plan.workload.final_read:
            return
        readers = []
        for twin in self._plan.names:
            addresses = self._testbed.targets(twin)
            config = programs.final_read(self._plan, addresses, f"{name}.json", READ_TIMEOUT_S)
            folder = self._writer.twin_folder(twin)
            module = self._plan.workload.final_read
            readers.append((twin, self._testbed.spawn(twin, module, config, folder, name)))
        for twin, reader in readers:
            if reader.wait(READ_TIMEOUT_S + 5) != 0:
                raise LabError(f"The data of the {twin} twin could not be read; see {twin}/logs/{name}.log.")

    def _manifest(self, status: Status) -> None:
        self._writer.manifest(manifest(self._plan, self._testbed, status, self._planned, self._t0))
