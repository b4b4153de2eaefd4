"""Walks one run through its phases, using only ports: it decides what happens when, not how it is judged.

Up, heal, warm-up, baseline, fault, heal, recovery, drain. Everything observed goes to the run folder.
Everything broken on purpose is healed at the start and at the end, whatever happens in between. The caller stops the
stack: by then the folder is complete, so it can be judged meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from lab.injector import Injector, Step
from lab.model import (
    FAULT,
    PHASES,
    CpuRead,
    LabError,
    LoadEnded,
    PhaseStarted,
    Spoiled,
    StepTaken,
    in_words,
    told_beside,
)
from lab.plan import programs
from lab.plan.arrivals import plan_arrivals, surges
from lab.plan.runs import RunPlan
from lab.ports import Child, Clock, Testbed
from lab.provenance import cores_of, manifest
from lab.record import FolderJournal, RunWriter, Status
from lab.watching import Alive, Machine, Pauses, Watch, must_not_have_failed, what_has_gone

LEAD_S = 0.3  # from the start signal to T0: time for every child to see it
READY_TIMEOUT_S = 30.0
END_TIMEOUT_S = programs.READ_TIMEOUT_S + 10
LOOK_S = 0.2  # between two checks that everything that measures is still alive
LOAD, OBSERVE = "load", "observe"  # what runs beside each twin: the modules of loadtests


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
        self._watch = Watch(plan, testbed, writer, journal)
        self._machine = Machine(plan.names, testbed, writer, journal)
        self._pauses = Pauses(plan.names, testbed, journal, self._machine)
        self._t0 = 0.0
        self._planned = 0

    def run(self) -> None:
        """Run the plan; leave a complete run folder and a running stack.

        On any exception heal, stop everything, and mark the run aborted. Raises Spoiled if something failed in
        mid-run: then the folder says what, and can be judged to be invalid. If something that the measurement needs
        has ended, that is the error, whatever else fails as a result.
        """
        self._manifest(Status.RUNNING)
        try:
            with self._marked_if_ended(), self._starting():
                self._injector.heal()
                with self._children() as children:
                    self._await_ready(children)
                    self._go()
                    with self._watch, self._machine, self._pauses, Alive(children, self._testbed) as alive:
                        try:
                            self._walk(alive)
                        finally:
                            self._heal(alive)
                        self._await(children, LOAD, self._plan.scenario.load.client_timeout_s + 10)
                    self._end()
                    self._await(children, OBSERVE, self._plan.phases.drain_s + END_TIMEOUT_S)
                self._injector.read_proxies(self._plan.phases.total_s)
        finally:
            self._injector.close()
            self._journal.close()
        try:
            self._manifest(Status.COMPLETE)
            self._writer.seal()
        except BaseException as error:
            self._stop(error)
            raise

    # -- what surrounds the walk ------------------------------------------------------------------------------

    @contextmanager
    def _marked_if_ended(self) -> Iterator[None]:
        """If the run ends early, write that into its manifest, and why."""
        try:
            yield
        except LabError as error:
            problem = str(what_has_gone(error, self._testbed) or error)
            self._manifest(Status.ABORTED, problem=problem)
            if self._t0:  # mid-run: the request was right, the run was spoiled
                raise Spoiled(problem) from error
            raise
        except BaseException:
            self._manifest(Status.ABORTED)
            raise

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Bring all twins up, and keep their logs. If anything fails, also half-way up, stop everything."""
        try:
            self._say(f"starting {' and '.join(self._plan.names)}")
            self._planned = self._plan_load()
            self._testbed.up(self._journal)
            yield
        except BaseException as error:
            try:
                with told_beside(error):
                    self._collect()
            finally:
                self._stop(error)
            raise
        self._collect()

    def _stop(self, error: BaseException) -> None:
        """After `error`, take the stack down. Others may read its passwords in the folder only if that has worked."""
        with told_beside(error):
            self._testbed.down()
            self._writer.open_up()

    def _collect(self) -> None:
        for twin in self._plan.names:
            self._testbed.collect(twin, self._writer.twin_folder(twin))

    def _plan_load(self) -> int:
        plan = self._plan
        extra = surges(self._faults, plan.switches)
        load, workload = plan.scenario.load, plan.workload
        arrivals = plan_arrivals(load, plan.phases, plan.seed, workload, plan.stack.sizes, extra)
        return self._writer.schedule(arrivals)

    @contextmanager
    def _children(self) -> Iterator[dict[tuple[str, str], Child]]:
        """Start load and observer of each twin, by (twin, program), to get ready for T0; stop those still running."""
        children: dict[tuple[str, str], Child] = {}
        try:
            for program in (LOAD, OBSERVE):
                for twin in self._plan.names:
                    children[twin, program] = self._spawn(twin, program)
            yield children
        finally:
            for child in children.values():
                child.stop()

    def _spawn(self, twin: str, program: str) -> Child:
        plan, addresses = self._plan, self._testbed.targets(twin)
        config = (
            programs.load(twin, plan, addresses)
            if program == LOAD
            else programs.observe(twin, plan, addresses, cores_of(self._testbed.facts(), twin))
        )
        folder = self._writer.twin_folder(twin)
        return self._testbed.spawn(twin, f"loadtests.{program}", config, folder, program)

    def _await_ready(self, children: Mapping[tuple[str, str], Child]) -> None:
        give_up = time.monotonic() + READY_TIMEOUT_S
        ready = [self._writer.twin_folder(twin) / f"{program}.ready.json" for twin, program in children]
        while not all(path.exists() for path in ready):
            dead = [child for child in children.values() if not child.running()]
            if dead or time.monotonic() > give_up:
                missing = ", ".join(f"{path.parent.name}/{path.name}" for path in ready if not path.exists())
                raise LabError(
                    f"Load or observer never became ready: {missing} is missing; see the logs folder beside it."
                )
            time.sleep(0.02)

    def _await(self, children: Mapping[tuple[str, str], Child], wanted: str, timeout_s: float) -> None:
        """Wait until they have ended. A load that could not record everything says so in its summary, for a gate."""
        for (twin, program), child in children.items():
            if program == wanted:
                child.wait(timeout_s)
                if program != LOAD or not (self._writer.twin_folder(twin) / "load.json").exists():
                    must_not_have_failed(twin, program, child, timeout_s)

    # -- the walk ---------------------------------------------------------------------------------------------

    def _go(self) -> None:
        self._t0 = self._clock.now() + LEAD_S
        self._journal.begin(self._t0)
        self._writer.t0(self._t0)
        self._manifest(Status.RUNNING)

    def _walk(self, alive: Alive) -> None:
        """Everything that has an instant, in order: changes by faults, edges of phases, readings of the targets."""
        self._clock.be_punctual()
        for at_s, step in sorted(self._timeline(), key=lambda item: item[0]):
            while (left_s := self._t0 + at_s - self._clock.now()) > 0:
                self._clock.sleep_until(self._clock.now() + min(left_s, LOOK_S))
                alive.check()
            step()

    def _heal(self, alive: Alive) -> None:
        """Heal; what cannot be healed because it has ended goes down with the stack, and is reported as ended."""
        try:
            self._injector.heal()
        except LabError:
            alive.check()
            raise

    def _timeline(self) -> Iterator[Step]:
        """At the same instant a phase begins first, then faults change, which may take seconds, then the rest."""
        for phase in PHASES:
            yield self._plan.phases.window(phase)[0], partial(self._begin, phase)
        yield from self._injector.steps()
        for phase in PHASES:
            yield self._plan.phases.window(phase)[0], partial(self._enter, phase)

    def _begin(self, phase: str) -> None:
        self._journal.tell(PhaseStarted(phase=phase, at_s=self._journal.now_s()))

    def _enter(self, phase: str) -> None:
        for twin in self._plan.names:
            cpu_s = self._testbed.cpu_s(twin)
            self._journal.tell(CpuRead(twin=twin, at_s=self._journal.now_s(), cpu_s=cpu_s))
        self._say(phase if phase != FAULT else "fault: " + (in_words(self._faults) or "none (control)"))

    def _end(self) -> None:
        """Let the observers read the data that is left, when their time is over."""
        self._writer.end(self._clock.now())
        self._journal.tell(LoadEnded(at_s=self._journal.now_s()))

    # -- what is written down ---------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._journal.tell(StepTaken(text=text, at_s=self._journal.now_s() if self._t0 else None))

    def _manifest(self, status: Status, problem: str = "") -> None:
        told = manifest(self._plan, self._testbed, status, self._planned, self._t0, problem)
        self._writer.manifest(told)
