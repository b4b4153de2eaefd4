"""What happens in a run, as typed events: the journal records them and tells its listeners.

Instants are seconds from T0; None for events before T0 is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.model.machine import Server
from lab.model.targets import Proxy, State


@dataclass(frozen=True, kw_only=True)
class Event:
    """Anything that happened."""


@dataclass(frozen=True, kw_only=True)
class StepTaken(Event):
    """What the lab is doing now, in words for people."""

    text: str
    at_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    phase: str
    at_s: float


@dataclass(frozen=True, kw_only=True)
class LoadEnded(Event):
    """No client waits for an answer any more, and every fault is healed."""

    at_s: float


@dataclass(frozen=True, kw_only=True)
class Switched(Event):
    """A fault was switched on or off: when that was planned, requested and answered, and the reported state."""

    twin: str
    fault: int
    target: str
    on: bool
    planned_s: float
    before_s: float
    after_s: float
    asked: State
    echo: State | None
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.echo == self.asked


@dataclass(frozen=True, kw_only=True)
class Performed(Event):
    """An action happened; `hits` counts what it hit."""

    twin: str
    fault: int
    target: str
    planned_s: float
    before_s: float
    after_s: float
    hits: int
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.hits > 0


@dataclass(frozen=True, kw_only=True)
class ReadBack(Event):
    """A target was asked for its state, without changing anything."""

    twin: str
    target: str
    at_s: float
    asked: State
    echo: State | None
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.echo == self.asked


@dataclass(frozen=True, kw_only=True)
class ProxiesRead(Event):
    """All proxies of a twin were read. Those that differ from the plan, by name: as `asked`, and as read back (`echo`).

    One that is missing is only in `asked`, one that the lab did not make only in `echo`.
    """

    twin: str
    at_s: float
    asked: Mapping[str, Proxy]
    echo: Mapping[str, Proxy]
    error: str = ""

    @property
    def ok(self) -> bool:
        return not (self.asked or self.echo or self.error)


@dataclass(frozen=True, kw_only=True)
class ServersRead(Event):
    """All servers of a twin were read. Those that have changed since the last reading, by "part/member".

    The first reading has all of them.
    """

    twin: str
    at_s: float
    changed: Mapping[str, Server]


@dataclass(frozen=True, kw_only=True)
class CpuRead(Event):
    """CPU seconds that the twin's service has used so far; None if unknown."""

    twin: str
    at_s: float
    cpu_s: float | None


@dataclass(frozen=True, kw_only=True)
class Restarted(Event):
    """A member of a part was restarted, by a restarter or by the healing of a fault."""

    twin: str
    part: str
    member: str
    at_s: float
    reason: str


EVENTS: tuple[type[Event], ...] = (
    StepTaken,
    PhaseStarted,
    LoadEnded,
    Switched,
    Performed,
    ReadBack,
    ProxiesRead,
    ServersRead,
    CpuRead,
    Restarted,
)
