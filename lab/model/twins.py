"""The versions under test in a run: one to three twins, each with a role, and the stack that runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from itertools import count
from types import MappingProxyType

from lab.errors import LabError
from lab.model.topology import Topology

TWINS_MAX = 3
CHANGED = "changed"
NAME_MAX = 40  # of a twin, so that it fits into the header of its records


class Role(StrEnum):
    CONTROL = "control"  # what the others are compared with
    TREATMENT = "treatment"
    GUEST = "guest"  # judged and drawn, compared with nobody


@dataclass(frozen=True, kw_only=True)
class TwinPlan:
    """One twin: which service of the workload, and which of its defences are on ("all", "none", "all,-deadline" …).

    `altered`: these are not the service's own defences, so the scenario expects nothing of this twin.
    """

    name: str
    service: str
    role: Role
    defences: str = "all"
    altered: bool = False


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The passwords of a run: every server of a stack asks for one of these."""

    token_key: str = field(repr=False)  # the services check tokens with it; whoever has it can make tokens
    owner: str = field(repr=False)  # PostgreSQL's passwords: of its superuser, who can do anything,
    app: str = field(repr=False)  # of the service,
    probe: str = field(repr=False)  # and of the lab's in-path probe, which may do nothing
    stores: str = field(repr=False)  # of cache and queue

    @classmethod
    def fresh(cls) -> Secrets:
        """Random passwords for one run."""
        import secrets  # loads the whole of OpenSSL

        return cls(**{name: secrets.token_hex(16) for name in cls.__dataclass_fields__})

    def left_out_of(self, text: str) -> str:
        """`text` without any of them, to be kept or shown."""
        return reduce(lambda left, secret: left.replace(secret, "(secret)"), vars(self).values(), text)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Everything that a testbed starts for one run. All of it carries the id `run`."""

    run: str
    workload: str
    twins: tuple[TwinPlan, ...]
    secrets: Secrets
    topology: Topology = field(default_factory=Topology)
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the seed data, as the workload names them
    linger: bool = False  # `lab up`: outlive the command that started it

    @property
    def mark(self) -> str:
        """The name, in the database, of the sessions that the lab holds."""
        return session_mark(self.run)


def session_mark(run: str) -> str:
    """The name of all sessions that `run` holds in databases; PostgreSQL keeps 63 bytes of a name."""
    return f"failure-lab-{run}"[:63]


def line_up(
    services: Sequence[tuple[str, str]], own: Mapping[str, str] = MappingProxyType({})
) -> tuple[TwinPlan, ...]:
    """A twin for each (service, defences), in order: the control, the treatment, a guest.

    `own` are the defences that each service has unless they are changed. A twin is called like its service. If a
    service comes twice, a changed twin says so in its name (hardened-without-deadline, or hardened-changed); a name
    that is taken gets a number (NAME-2). Raises LabError for none or too many.
    """
    if not 1 <= len(services) <= TWINS_MAX:
        raise LabError(f"A run has 1 to {TWINS_MAX} twins, not {len(services)}.")
    names: list[str] = []
    for service, defences in services:
        often = sum(service == other for other, _ in services) > 1
        usual = not often or defences == own.get(service, defences.partition(",")[0])
        names.append(_free(service if usual else _changed(service, defences), names))
    return tuple(
        TwinPlan(
            name=name,
            service=service,
            role=role,
            defences=defences,
            altered=defences != own.get(service, defences),
        )
        for name, (service, defences), role in zip(names, services, Role, strict=False)
    )


def _changed(service: str, defences: str) -> str:
    """hardened-without-deadline for "all,-deadline", hardened-with-deadline for "none,+deadline", else -changed."""
    first, *changes = defences.replace(" ", "").split(",")
    way = {"all": "without", "none": "with"}.get(first, "")
    name = f"{service}-{way}-{changes[0][1:]}" if way and len(changes) == 1 else ""
    return name if 0 < len(name) <= NAME_MAX else f"{service}-{CHANGED}"


def _free(name: str, taken: Sequence[str]) -> str:
    """`name`, with a number if it is taken."""
    return next(free for n in count(1) if (free := name if n == 1 else f"{name}-{n}") not in taken)
