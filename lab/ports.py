"""What the lab needs from outside, as Protocols. Adapters in lab/runtime provide it; tests pass fakes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lab.model import Action, Capability, Event, MachineSample, PartSample, Proxy, Server, State, Target, Undo


class Actuator(Protocol):
    """Changes one target of one twin, and heals it."""

    @property
    def healthy(self) -> State: ...

    def set(self, state: State) -> State:
        """Put the target into `state` and return the state that it reports (the read-back).

        Raises LabError if the target does not answer within 5 s.
        """
        ...

    def get(self) -> State:
        """The state that the target reports now; changes nothing."""
        ...

    def undo(self) -> Sequence[Undo]:
        """How `lab heal` can heal the target when this process is gone. It is in the ledger before the first `set`."""
        ...


class Performer(Protocol):
    """Makes an action happen to one target of one twin."""

    def perform(self, action: Action) -> int:
        """How much was hit: members, sessions, keys. Raises LabError if the target does not answer within 5 s."""
        ...


class Watched(Protocol):
    """A part whose members can be observed."""

    def look(self) -> Sequence[PartSample]:
        """A sample of every member; `start_s` is CLOCK_MONOTONIC, since a testbed does not know T0."""
        ...


class Proxies(Protocol):
    """All proxies of a twin's Toxiproxy, whose API asks nobody for a password."""

    @property
    def planned(self) -> Mapping[str, Proxy]:
        """All proxies by name, as they are without a fault."""
        ...

    def read(self) -> Mapping[str, Proxy]:
        """All proxies by name, as they are now; changes nothing. Raises LabError if the server takes more than 5 s."""
        ...


class Child(Protocol):
    """A program that runs beside a twin: a process, or a container on the twin's network."""

    def wait(self, timeout_s: float) -> int:
        """Its exit code. Raises LabError, naming the program and its log, if it does not end in time."""
        ...

    def running(self) -> bool: ...

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after 5 s; harmless if it has ended."""
        ...


class Journal(Protocol):
    """Where everything that happens is recorded."""

    def now_s(self) -> float:
        """Seconds from T0."""
        ...

    def tell(self, event: Event) -> None:
        """Record `event` and tell all listeners. From any thread."""
        ...


class Testbed(Protocol):
    """One full set of parts per twin, with its own Toxiproxy."""

    @property
    def runtime(self) -> str: ...

    def offers(self) -> Mapping[Capability, str]:
        """Every capability, with "" if this testbed has it, else the reason why not. Asked before `up`."""
        ...

    def up(self, journal: Journal) -> None:
        """Start all parts of the topology, load the seed data, wait until every part answers. All or nothing."""
        ...

    def check(self) -> None:
        """Raises LabError if what carries the twins has ended, such as the engine of their containers."""
        ...

    def down(self) -> None:
        """Stop everything that `up` started. Safe to call twice, and after a failed `up`.

        Raises LabError where something may be left.
        """
        ...

    def actuator(self, twin: str, target: Target) -> Actuator:
        """The actuator of `target`. Raises LabError if this runtime has none."""
        ...

    def performer(self, twin: str, target: Target) -> Performer: ...

    def watched(self, twin: str, target: Target) -> Watched: ...

    def proxies(self, twin: str) -> Proxies: ...

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        """Run `python -m MODULE CONFIG.json` where it reaches the twin as its clients do.

        `config` is written to `folder/NAME.config.json`. Its paths are relative to `folder`, the child's current
        directory. Its output goes to `folder/logs/NAME.log`.
        """
        ...

    def targets(self, twin: str) -> Mapping[str, str]:
        """Addresses as a spawned child must use them.

        For each link of the topology "host:port" of the proxy's listener, and as direct_LINK that past the proxy;
        as service/N the address of each replica, past the balancer too;
        direct_dsn: a libpq URL past the proxy, as owner; probe_database: user and database name for the probe,
        "probe/lab". The last two only if there is a database.
        """
        ...

    def published(self, twin: str) -> Mapping[str, str]:
        """For people: addresses on this machine's loopback, and a line to type.

        edge ("http://127.0.0.1:N"), toxiproxy (its API), and, if there is a database, psql with its password.
        """
        ...

    def collect(self, twin: str, folder: Path) -> None:
        """Copy the logs of the twin's parts into `folder/logs`."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Runtime, engine and versions of every part, limits, environment of the children: for the manifest."""
        ...

    def look(self) -> MachineSample | None:
        """The counters of the machine now; `at_s` is CLOCK_MONOTONIC. None if the system does not report them."""
        ...

    def servers(self, twin: str) -> Mapping[str, Server]:
        """Every server of the twin as it is now, its Toxiproxy included, by "part/member"."""
        ...

    def paused(self, servers: Mapping[str, Server]) -> Collection[str] | None:
        """Which of `servers`, as they were read last, have a stopped process just now; None if that is not cheap."""
        ...

    def cpu_s(self, twin: str) -> float | None:
        """CPU seconds that the twin's service has used so far; None if unknown."""
        ...


class Clock(Protocol):
    def now(self) -> float:
        """CLOCK_MONOTONIC, seconds."""
        ...

    def sleep_until(self, at: float) -> None: ...

    def be_punctual(self) -> None:
        """Ask that the calling thread be woken on time on a busy machine; harmless if that is not allowed."""
        ...
