"""The versions under test in a run: one to three twins, each with a role, and the stack that runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab.model.errors import LabError
from lab.model.topology import Topology

TWINS_MAX = 3


class Role(StrEnum):
    CONTROL = "control"  # what the others are compared with
    TREATMENT = "treatment"
    GUEST = "guest"  # judged and drawn, compared with nobody


@dataclass(frozen=True, kw_only=True)
class TwinPlan:
    """One twin: which service of the workload, and which of its defences are on ("all", "none", "all,-deadline" …)."""

    name: str
    service: str
    role: Role
    defences: str = "all"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Everything that a testbed starts for one run. All of it carries the id `run`."""

    run: str
    workload: str
    twins: tuple[TwinPlan, ...]
    topology: Topology = field(default_factory=Topology)
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the seed data, as the workload names them
    token_key: str = "lab-key"  # signs and checks tokens; whoever has it can make them
    password: str = "lab-password"  # of cache and queue
    linger: bool = False  # `lab up`: outlive the command that started it

    @property
    def mark(self) -> str:
        """The name of the lab's sessions in a database; PostgreSQL keeps 63 bytes of it."""
        return f"failure-lab-{self.run}"[:63]


def line_up(services: Sequence[tuple[str, str]]) -> tuple[TwinPlan, ...]:
    """A twin for each (service, defences), in order: the control, the treatment, a guest.

    A service may come twice; its second twin is called NAME-2. Raises LabError for none or too many.
    """
    if not 1 <= len(services) <= TWINS_MAX:
        raise LabError(f"A run has 1 to {TWINS_MAX} twins, not {len(services)}.")
    twins: list[TwinPlan] = []
    for (service, defences), role in zip(services, Role, strict=False):
        earlier = sum(twin.service == service for twin in twins)
        name = f"{service}-{earlier + 1}" if earlier else service
        twins.append(TwinPlan(name=name, service=service, role=role, defences=defences))
    return tuple(twins)
