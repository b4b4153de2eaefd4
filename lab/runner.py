"""Walks one run through its phases, through ports only: what happens when, and nothing of how it is judged.

Up, heal, warm-up, baseline, fault, heal, recovery, drain, final read. All that is seen goes to the run
folder; all that was broken on purpose is healed at the start and at the end, whatever happens in between.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lab import __version__
from lab.model import (
    LINKS,
    PHASES,
    Action,
    LabError,
    LinkState,
)
from lab.plan import programs
from lab.plan.arrivals import plan_arrivals
from lab.plan.runs import RunPlan, planned_part
from lab.plan.states import active_at, describe, merged, steady_windows
from lab.plan.switches import plan_actions
from lab.ports import Child, Clock, Testbed
from lab.record import RunWriter

LEAD_S = 0.3  # from the go to T0: time for every child to see it
READY_TIMEOUT_S = 30.0
READ_TIMEOUT_S = 20.0


class Runner:
    """One walk through one plan. `say` is told, in plain words, what happens now."""

    def __init__(
        self,
        plan: RunPlan,
        testbed: Testbed,
        writer: RunWriter,
        clock: Clock,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._plan = plan
        self._testbed = testbed
        self._writer = writer
        self._clock = clock
        self._say = say
        self._actions = plan_actions(plan.scenario.faults, plan.phases, plan.seed)
        self._both = ThreadPoolExecutor(len(plan.twins), "twin", initializer=clock.be_punctual)
        self._t0 = 0.0
        self._planned = 0

    def run(self) -> None:
        """Run the plan and leave a complete run folder; on any exception heal, take all down and mark it aborted."""
        self._manifest("running")
        try:
            with self._standing():
                self._heal()
                self._read_data("initial")
                with self._children() as (loads, observers):
                    self._go()
                    try:
                        self._walk()
                    finally:
                        self._heal()
                    self._await(loads, self._plan.scenario.load.client_timeout_s + 10)
                    self._await(observers, self._plan.phases.drain_s + 10)
                self._say("reading the data that is left")
                self._read_data("final")
        except BaseException:
            self._manifest("aborted")
            raise
        finally:
            self._both.shutdown(wait=True)
        self._manifest("complete")

    # -- what surrounds the walk ------------------------------------------------------------------------------

    @contextmanager
    def _standing(self) -> Iterator[None]:
        """Both twins up; their logs are kept and everything is down again at the end, even after half a start."""
        try:
            self._say("starting both twins")
            self._planned = self._writer.schedule(self._arrivals())
            self._testbed.up()
            yield
        finally:
            for twin in self._plan.twins:
                self._testbed.collect(twin, self._writer.twin_folder(twin))
            self._testbed.down()

    def _arrivals(self) -> Any:
        plan = self._plan
        return plan_arrivals(plan.scenario.load, plan.phases, plan.seed, plan.stack.seed_sizes)

    @contextmanager
    def _children(self) -> Iterator[tuple[list[Child], list[Child]]]:
        """Load and observer of each twin, ready and waiting for T0; stopped at the end if they still run."""
        children: list[Child] = []
        try:
            loads = [self._spawn(twin, "load", children) for twin in self._plan.twins]
            observers = [self._spawn(twin, "observe", children) for twin in self._plan.twins]
            self._await_ready(children)
            yield loads, observers
        finally:
            for child in children:
                child.stop()

    def _spawn(self, twin: str, program: str, children: list[Child]) -> Child:
        plan, targets = self._plan, self._testbed.targets(twin)
        config = {
            "load": lambda: programs.load(twin, plan.scenario, targets, plan.stack.token),
            "observe": lambda: programs.observe(plan.scenario, plan.phases, targets),
        }[program]()
        folder = self._writer.twin_folder(twin)
        child = self._testbed.spawn(twin, f"loadtests.{program}", config, folder, program)
        children.append(child)
        return child

    def _await_ready(self, children: list[Child]) -> None:
        give_up = time.monotonic() + READY_TIMEOUT_S
        ready = [
            self._writer.twin_folder(twin) / f"{name}.ready.json"
            for twin in self._plan.twins
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
        self._writer.t0(self._t0)
        self._manifest("running")

    def _walk(self) -> None:
        """Everything that has its instant, in order: switches of faults, phase edges, readings of the links."""
        self._clock.be_punctual()
        for at_s, step in sorted(self._timeline(), key=lambda item: item[0]):
            self._clock.sleep_until(self._t0 + at_s)
            step()

    def _timeline(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """What must be punctual comes first among what shares an instant."""
        active: frozenset[int] = frozenset()
        for action in self._actions:
            active = active | {action.fault} if action.on else active - {action.fault}
            yield action.at_s, partial(self._switch, action, active)
        for phase in PHASES:
            yield self._plan.phases.window(phase)[0], partial(self._enter, phase)
        for fault, start_s, end_s in steady_windows(self._actions, self._plan.scenario):
            yield (start_s + end_s) / 2, partial(self._read_back, fault)

    def _enter(self, phase: str) -> None:
        self._writer.event(event="phase", phase=phase, at_s=self._now_s())
        for twin in self._plan.twins:
            self._writer.event(event="cpu", twin=twin, at_s=self._now_s(), cpu_s=self._testbed.cpu_s(twin))
        self._say(phase if phase != "fault" else "fault: " + describe(self._plan.scenario))

    def _switch(self, action: Action, active: frozenset[int]) -> None:
        """Turn one fault on or off on both twins at once, and write down when, what was asked and what is there."""
        link = self._plan.scenario.faults[action.fault].link
        asked = merged(self._plan.scenario, link, active)

        def switch(twin: str) -> dict[str, Any]:
            before_s = self._now_s()
            echo = self._echo(lambda: self._testbed.link(twin, link).set(asked), asked)
            instants = {"planned_s": action.at_s, "before_s": before_s, "after_s": self._now_s()}
            kind = "inject" if action.on else "heal"
            return {"event": kind, "twin": twin, "fault": action.fault, "link": link, **instants, **echo}

        for event in self._both.map(switch, self._plan.twins):
            self._writer.event(**event)

    def _read_back(self, fault: int) -> None:
        """Ask the proxies, in mid-fault and without touching anything, whether the fault is still there."""
        link = self._plan.scenario.faults[fault].link
        asked = merged(self._plan.scenario, link, active_at(self._actions, self._now_s()))
        for twin in self._plan.twins:
            echo = self._echo(self._testbed.link(twin, link).get, asked)
            self._writer.event(event="echo", twin=twin, link=link, at_s=self._now_s(), **echo)

    def _echo(self, call: Callable[[], LinkState], asked: LinkState) -> dict[str, Any]:
        """What the proxy says of a link. That it does not say is written down, and makes the run invalid."""
        try:
            echo, error = call(), ""
        except LabError as exc:
            echo, error = None, str(exc)
        return {
            "asked": asdict(asked),
            "echo": asdict(echo) if echo else None,
            "ok": echo == asked,
            "error": error,
        }

    def _heal(self) -> None:
        """Every link of every twin as it should be. Each is tried, whatever happens with another."""
        errors = []
        for twin in self._plan.twins:
            for name in LINKS:
                try:
                    self._testbed.link(twin, name).set(LinkState())
                except LabError as exc:
                    errors.append(str(exc))
        if errors:
            raise LabError("Could not heal: " + "; ".join(errors) + ". Run: bin/lab heal")

    def _now_s(self) -> float:
        return self._clock.now() - self._t0

    # -- what is written down ------------------------------------------------------------------------------------------

    def _read_data(self, name: str) -> None:
        """All rows of both twins' stores, past every proxy, into NAME.json."""
        readers = []
        for twin in self._plan.twins:
            targets = self._testbed.targets(twin)
            config = programs.final_state(targets, f"{name}.json", READ_TIMEOUT_S)
            folder = self._writer.twin_folder(twin)
            readers.append((twin, self._testbed.spawn(twin, "loadtests.final_state", config, folder, name)))
        for twin, reader in readers:
            if reader.wait(READ_TIMEOUT_S + 5) != 0:
                raise LabError(f"The data of the {twin} twin could not be read; see {twin}/logs/{name}.log.")

    def _manifest(self, status: str) -> None:
        t0_wall = datetime.fromtimestamp(time.time() + self._t0 - self._clock.now(), UTC)
        self._writer.manifest(
            {
                **planned_part(self._plan, self._actions),
                "status": status,
                "runtime": self._testbed.runtime,
                "planned": self._planned,
                "t0": self._t0,
                "t0_wall": t0_wall.isoformat(),
                "facts": dict(self._testbed.facts()),
                "machine": machine(),
                "lab_version": __version__,
            }
        )


def machine() -> dict[str, Any]:
    """The machine that the run was made on, as far as the standard library tells."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
