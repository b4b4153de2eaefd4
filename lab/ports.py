"""What the lab needs from outside, as Protocols. Adapters in lab/runtime provide it; tests pass fakes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from lab.model import LinkState


class Link(Protocol):
    """The path from one twin to one dependency: faults go in here."""

    @property
    def name(self) -> str: ...

    def set(self, state: LinkState) -> LinkState:
        """Make the link behave as `state` and return what the proxy says it does now (the echo).

        Raises LabError when the proxy does not answer within 5 s.
        """
        ...

    def get(self) -> LinkState:
        """What the proxy says the link does now."""
        ...


class Child(Protocol):
    """A program that runs beside a twin: a process, or a container on the twin's network."""

    def wait(self, timeout_s: float) -> int:
        """Its exit code. Raises LabError, naming the program and its log, when it has not ended in time."""
        ...

    def running(self) -> bool: ...

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after 5 s; harmless when it has ended."""
        ...


class Testbed(Protocol):
    """One full set per twin: PostgreSQL, payments, the service, its own Toxiproxy."""

    @property
    def runtime(self) -> str: ...

    def up(self) -> None:
        """Start everything, load the schema and the seed data, wait until every part answers. All or nothing."""
        ...

    def down(self) -> None:
        """Stop all that `up` started. Safe to call twice, and after half an `up`."""
        ...

    def link(self, twin: str, name: str) -> Link: ...

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        """Run `python -m MODULE CONFIG.json` where it reaches the twin as its clients do.

        `config` is written to `folder/NAME.config.json`; in it every path is relative to the current directory of the
        child, which is `folder`. Its output goes to `folder/logs/NAME.log`.
        """
        ...

    def targets(self, twin: str) -> Mapping[str, str]:
        """Addresses as a spawned child must use them.

        edge, database, payments: "host:port" of the proxy's listener; direct_edge, direct_payments: "host:port" past
        the proxy; direct_dsn: a libpq URL past the proxy, as owner; probe_database: user and database name for the
        probe, "probe/lab".
        """
        ...

    def published(self, twin: str) -> Mapping[str, str]:
        """Addresses on this machine's loopback for people.

        edge ("http://127.0.0.1:N"), toxiproxy (its API), and where published database.
        """
        ...

    def collect(self, twin: str, folder: Path) -> None:
        """Bring the logs of the twin's parts into `folder/logs`."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Runtime, engine and versions of every part, limits: for the manifest."""
        ...

    def cpu_s(self, twin: str) -> float | None:
        """CPU seconds that the twin's service has used so far, None where it cannot be told."""
        ...


class Clock(Protocol):
    def now(self) -> float:
        """CLOCK_MONOTONIC, seconds."""
        ...

    def sleep_until(self, at: float) -> None: ...

    def be_punctual(self) -> None:
        """Ask that the calling thread be woken on time on a busy machine; harmless where that is not allowed."""
        ...
