"""The product under load: its services and its operations. plan, judge and the SLOs know nothing of it.

One package per product. A workload says how its services are started and filled with data; what only invariants need
to know of its tables is in the same package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lab.model import Arrival, TwinPlan


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Arrival number `i` of an operation, due at `at_s`; `random` chooses the rest."""

    i: int
    at_s: float
    op: str
    sizes: Mapping[str, int]
    random: Random

    def one_of(self, count: int) -> int:
        """An id from 1 to `count`."""
        return self.random.randrange(count) + 1

    @property
    def reference(self) -> str:
        return f"{self.op}-{self.i:07d}"

    def read(self, path: str, **expect: Any) -> Arrival:
        return Arrival(i=self.i, at_s=self.at_s, op=self.op, method="GET", path=path, expect=expect or None)

    def write(self, method: str, path: str, body: Mapping[str, Any], **expect: Any) -> Arrival:
        """A write under its own key; the answer must have the reference and what `expect` says."""
        return Arrival(
            i=self.i,
            at_s=self.at_s,
            op=self.op,
            method=method,
            path=path,
            body={**body, "reference": self.reference},
            key=f"key-{self.reference}",
            expect={**expect, "reference": self.reference},
        )


@dataclass(frozen=True, kw_only=True)
class Follower:
    """A request that comes `after_s` after each request of an operation, planned like any other.

    `make` makes it from its own intent and the request that it follows. `op` is its operation, if not the same.
    """

    after_s: float
    make: Callable[[Intent, Arrival], Arrival]
    op: str = ""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One version of the product: its WSGI application and its default defences.

    `switchable` services know DEFENCES; the others have no defences to switch.
    """

    app: str
    defences: str = "none"
    switchable: bool = False


def a_token(key: str, _user: int | None = None) -> str:
    """The bearer token of a product that has only one: the run's key."""
    return key


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A product under load.

    `programs` are the WSGI applications of the product's other parts (such as a payments company). `worker` is the
    Python command line of the process that works off the queue (-m, MODULE); () for none. `seed` and `final_read` are
    modules: the first fills the database (--dsn, --schema, --defences, and one --NAME per size), the second reads
    everything that is left of a twin into a file (like loadtests.final_state); "" for none.
    """

    name: str
    services: Mapping[str, Service]
    line_up: tuple[str, ...]  # the services of a default run, the control first
    operations: Mapping[str, Callable[[Intent], Arrival]]
    followers: Mapping[str, Follower] = field(default_factory=dict)  # by the operation that they follow
    history_ops: frozenset[str] = frozenset()  # whose content the invariants read
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the seed data
    programs: Mapping[str, str] = field(default_factory=dict)
    worker: tuple[str, ...] = ()
    seed: str = ""
    final_read: str = ""
    tables: tuple[str, ...] = ()  # that the final read brings
    token: Callable[..., str] = a_token
    callers: str = ""  # the size that says how many users there are, if requests may be sent by users

    def app(self, twin: TwinPlan) -> str:
        """The WSGI application of `twin`, for gunicorn."""
        return self.services[twin.service].app
