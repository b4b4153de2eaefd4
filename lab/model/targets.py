"""What a fault acts on, and what it does to it: targets, their states, and actions that happen at an instant.

States are values: the default of each is "healthy", several states of one target add up (`plus`), and what a runtime
reads back can be compared with what was requested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self, TypeVar

from lab.model.topology import DATABASE, LINKS, PARTS

ALL = "all"
Number = TypeVar("Number", int, float)


class Kind(StrEnum):
    LINK = "link"
    PART = "part"
    STORE = "store"
    LOAD = "load"


class Capability(StrEnum):
    """What a runtime must be able to do for a fault or a topology."""

    LINK = "break links"
    KILL = "kill a part"
    STOP = "stop and restart a part"
    PAUSE = "pause a part"
    CPU_LIMIT = "limit the CPU of a part"
    MEMORY_LIMIT = "limit the memory of a part"
    DESCRIPTOR_LIMIT = "limit the descriptors of a part"
    SESSIONS = "hold or end sessions of the database"
    LOAD = "change the load"
    BALANCER = "put a balancer before the service"
    CACHE = "run a cache"
    QUEUE = "run a queue"
    BOUNDS = "limit a part for a whole run"


@dataclass(frozen=True, kw_only=True, order=True)
class Target:
    """What a fault acts on. `member` is one replica ("1", "2", …) of a part, or all."""

    kind: Kind
    name: str
    member: str = ALL

    def __str__(self) -> str:
        """link/database, part/service/2: the same in events, probes and messages."""
        return "/".join((self.kind, self.name, *(() if self.member == ALL else (self.member,))))


def a_link(name: str) -> Target:
    return Target(kind=Kind.LINK, name=name)


def a_part(name: str, member: str = ALL) -> Target:
    return Target(kind=Kind.PART, name=name, member=member)


STORE = Target(kind=Kind.STORE, name=DATABASE)
ARRIVALS = Target(kind=Kind.LOAD, name="arrivals")
NAMES: Mapping[Kind, tuple[str, ...]] = {
    Kind.LINK: LINKS,
    Kind.PART: PARTS,
    Kind.STORE: (STORE.name,),
    Kind.LOAD: (ARRIVALS.name,),
}


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a target. `State()` of a subclass is healthy."""

    def plus(self, other: Self) -> Self:
        """Both at once."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """One Toxiproxy toxic, as its HTTP API takes it (attributes are integers)."""

    type: str
    stream: str
    attributes: Mapping[str, int]
    toxicity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LinkState(State):
    """A link works (`enabled`, no toxics), is down, or has toxics."""

    enabled: bool = True
    toxics: tuple[Toxic, ...] = ()

    def plus(self, other: Self) -> Self:
        return type(self)(enabled=self.enabled and other.enabled, toxics=self.toxics + other.toxics)


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The proxy of a link, as its server reports it: the address it listens at, the one it leads to, and its state."""

    listen: str
    upstream: str
    state: LinkState = LinkState()


class Life(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    DEAD = "dead"


@dataclass(frozen=True, kw_only=True)
class PartState(State):
    """A part, or one member of it: alive or not, and its limits beyond those that all parts have.

    `grace_s` says how it gets to be dead, and is not part of the state: how long it has to end before SIGKILL.
    """

    life: Life = Life.RUNNING
    cpus: float | None = None
    memory_bytes: int | None = None
    descriptors: int | None = None
    grace_s: float = field(default=0.0, compare=False)

    def plus(self, other: Self) -> Self:
        order = tuple(Life)
        return type(self)(
            life=max(self.life, other.life, key=order.index),
            cpus=_least(self.cpus, other.cpus),
            memory_bytes=_least(self.memory_bytes, other.memory_bytes),
            descriptors=_least(self.descriptors, other.descriptors),
            grace_s=max(self.grace_s, other.grace_s),
        )


@dataclass(frozen=True, kw_only=True)
class HeldSession:
    """`count` sessions of the lab that run `statements` in one transaction and then stay in it.

    Without statements they are just open.
    """

    statements: tuple[str, ...]
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class StoreState(State):
    """Sessions that are held open in the database, in this order, beside those of the service."""

    held: tuple[HeldSession, ...] = ()

    def plus(self, other: Self) -> Self:
        return type(self)(held=self.held + other.held)


@dataclass(frozen=True, kw_only=True)
class LoadState(State):
    """A change of the planned load: the arrival rate is multiplied by `times`."""

    times: float = 1.0

    def plus(self, other: Self) -> Self:
        return type(self)(times=self.times * other.times)


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that happens at an instant and leaves no state to read back; it returns how much it hit."""


@dataclass(frozen=True, kw_only=True)
class KillMembers(Action):
    """SIGKILL to the part, or to the member that the target names."""


@dataclass(frozen=True, kw_only=True)
class EndSessions(Action):
    """The server ends every session of the service."""


@dataclass(frozen=True, kw_only=True)
class Undo:
    """How to heal a target without the lab that broke it: on disk before anything is broken.

    `how` names one of the ways that `lab heal` knows; `details` is plain data for it.
    """

    how: str
    details: Mapping[str, str | int]


def _least(a: Number | None, b: Number | None) -> Number | None:
    return min((number for number in (a, b) if number is not None), default=None)
