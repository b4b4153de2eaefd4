"""The plan of one run, all of it decided beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.model import Capability, Phases, Scenario, Shot, Stack, Switch, TwinPlan
from lab.model.topology import BALANCER, CACHE, QUEUE
from lab.plan.switches import plan_shots, plan_switches
from lab.workload import Workload

PART_NEEDS: Mapping[str, Capability] = {
    BALANCER: Capability.BALANCER,
    CACHE: Capability.CACHE,
    QUEUE: Capability.QUEUE,
}


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """One run: its twins, one seed, one schedule, the same faults for every twin."""

    stack: Stack
    scenario: Scenario
    workload: Workload
    phases: Phases
    seed: int
    quick: bool = False
    settings: tuple[str, ...] = ()
    predicted: str = ""  # the choice that somebody made beforehand
    commit: str = ""

    @property
    def twins(self) -> tuple[TwinPlan, ...]:
        return self.stack.twins

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the twins, the control first."""
        return tuple(twin.name for twin in self.stack.twins)

    @property
    def switches(self) -> tuple[Switch, ...]:
        return plan_switches(self.scenario.faults, self.phases, self.seed)

    @property
    def shots(self) -> tuple[Shot, ...]:
        return plan_shots(self.scenario.faults, self.phases)

    @property
    def needs(self) -> frozenset[Capability]:
        """What a runtime must be able to do for this run."""
        topology = self.scenario.topology
        parts = {PART_NEEDS[part] for part in topology.parts if part in PART_NEEDS}
        if topology.limits:
            parts.add(Capability.BOUNDS)
        return frozenset({fault.needs for fault in self.scenario.faults} | parts)
