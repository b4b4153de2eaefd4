"""Does what a scenario plans: switches faults, performs actions, heals. Everything goes to the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lab.model import (
    ActionFault,
    Kind,
    LabError,
    Performed,
    ProxiesRead,
    ReadBack,
    Shot,
    State,
    Switch,
    Switched,
    Target,
    a_link,
)
from lab.plan.runs import RunPlan
from lab.plan.states import active_at, asked, asked_of, looking_instants, steady_windows, targets
from lab.ports import Actuator, Clock, Journal, Testbed

Step = tuple[float, Callable[[], None]]  # an instant in seconds from T0, and what to do then


class Injector:
    """The faults of one run. Every twin gets the same at the same instant, each from its own thread."""

    def __init__(self, plan: RunPlan, testbed: Testbed, journal: Journal, clock: Clock) -> None:
        self._plan = plan
        self._faults = plan.scenario.faults
        self._testbed = testbed
        self._journal = journal
        # A change of the load is in the schedule: there is nothing to inject.
        self._switches = [s for s in plan.switches if self._faults[s.fault].target().kind is not Kind.LOAD]
        self._all = ThreadPoolExecutor(len(plan.twins), "twin", initializer=clock.be_punctual)
        self._actuators: dict[tuple[str, Target], Actuator] = {}

    def close(self) -> None:
        self._all.shutdown(wait=True)

    def steps(self) -> Iterator[Step]:
        """Everything to do, with its instant: changes first, then checks that they are still there."""
        active: frozenset[int] = frozenset()
        for switch in self._switches:
            active = active | {switch.fault} if switch.on else active - {switch.fault}
            yield switch.at_s, partial(self._switch, switch, active)
        for shot in self._plan.shots:
            yield shot.at_s, partial(self._shoot, shot)
        for window in steady_windows(self._switches, self._faults):
            yield (window.on_s + window.off_s) / 2, partial(self._read_back, window.fault)
        changes_s = [switch.at_s for switch in self._switches] + [shot.at_s for shot in self._plan.shots]
        for at_s in looking_instants(changes_s, self._plan.phases):
            yield at_s, partial(self.read_proxies, at_s)

    def heal(self) -> None:
        """Heal every link and every broken target of every twin. Each is tried, even if others fail.

        Raises LabError, which names each that could not be healed.
        """
        links = [a_link(name) for name in self._plan.scenario.topology.links]
        broken = [target for target in targets(self._faults) if target.kind is not Kind.LOAD]
        errors: list[LabError | OSError] = []
        for twin in self._plan.names:
            for target in dict.fromkeys((*links, *broken)):
                try:
                    actuator = self._actuator(twin, target)
                    actuator.set(actuator.healthy)
                except (LabError, OSError) as exc:
                    errors.append(exc)
        if errors:
            told = "; ".join(map(str, errors))
            raise LabError(f"Could not heal: {told}. Run: bin/lab heal") from errors[0]

    def _switch(self, switch: Switch, active: frozenset[int]) -> None:
        """Turn one fault on or off, and record when, what was requested and what the target reports."""
        target = self._faults[switch.fault].target()

        def change(twin: str) -> Switched:
            actuator = self._actuator(twin, target)
            wanted = asked(self._faults, target, active, actuator.healthy)
            before_s = self._journal.now_s()
            echo, error = _echo(lambda: actuator.set(wanted))
            return Switched(
                twin=twin, fault=switch.fault, target=str(target), on=switch.on, planned_s=switch.at_s,
                before_s=before_s, after_s=self._journal.now_s(), asked=wanted, echo=echo, error=error,
            )  # fmt: skip

        for event in self._all.map(change, self._plan.names):
            self._journal.tell(event)

    def _shoot(self, shot: Shot) -> None:
        """Perform the action of one fault, and record when, and how much it hit."""
        fault = self._faults[shot.fault]
        if not isinstance(fault, ActionFault):
            raise TypeError(f"{fault.kind} has no action")
        target, action = fault.target(), fault.action()

        def perform(twin: str) -> Performed:
            performer = self._testbed.performer(twin, target)
            before_s, hits, error = self._journal.now_s(), 0, ""
            try:
                hits = performer.perform(action)
            except LabError as exc:
                error = str(exc)
            return Performed(
                twin=twin, fault=shot.fault, target=str(target), planned_s=shot.at_s,
                before_s=before_s, after_s=self._journal.now_s(), hits=hits, error=error,
            )  # fmt: skip

        for event in self._all.map(perform, self._plan.names):
            self._journal.tell(event)

    def _read_back(self, fault: int) -> None:
        """Ask the target in the middle of the fault, without changing anything, whether the fault is still there."""
        target = self._faults[fault].target()
        active = active_at(self._switches, self._journal.now_s())
        for twin in self._plan.names:
            actuator = self._actuator(twin, target)
            wanted = asked(self._faults, target, active, actuator.healthy)
            echo, error = _echo(actuator.get)
            at_s = self._journal.now_s()
            self._journal.tell(
                ReadBack(twin=twin, target=str(target), at_s=at_s, asked=wanted, echo=echo, error=error)
            )

    def read_proxies(self, planned_s: float) -> None:
        """Read all proxies of every twin, and record how they differ from what the changes up to `planned_s` made."""
        active = active_at(self._switches, planned_s)

        def read(twin: str) -> ProxiesRead:
            proxies = self._testbed.proxies(twin)
            wanted = asked_of(proxies.planned, self._faults, active)
            found, error = dict(wanted), ""
            try:
                found = dict(proxies.read())
            except LabError as exc:
                error = str(exc)
            return ProxiesRead(
                twin=twin,
                at_s=self._journal.now_s(),
                asked={name: proxy for name, proxy in wanted.items() if found.get(name) != proxy},
                echo={name: proxy for name, proxy in found.items() if wanted.get(name) != proxy},
                error=error,
            )

        for event in self._all.map(read, self._plan.names):
            self._journal.tell(event)

    def _actuator(self, twin: str, target: Target) -> Actuator:
        """The actuator of `target`, kept because it remembers the state it saw last."""
        if (twin, target) not in self._actuators:
            self._actuators[twin, target] = self._testbed.actuator(twin, target)
        return self._actuators[twin, target]


def _echo(call: Callable[[], State]) -> tuple[State | None, str]:
    """The state that a target reports; or None and the reason, which makes the run invalid."""
    try:
        return call(), ""
    except LabError as exc:
        return None, str(exc)
