"""What a lab loads its twins with: a product, its operations, its services. plan, judge and the SLOs know none of them.

One package a product. A workload says how its services are started and filled; what only an invariant needs to know of
its tables lies beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lab.model import Arrival, TwinPlan


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Arrival number `i`, due at `at_s`, of an operation; `random` draws what is not given."""

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
        """A write under a key of its own; the answer must show the reference and what `expect` says."""
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
    """What comes `after_s` after each request of an operation, planned like any other.

    `make` makes it, of its own intent and the request that it follows.
    """

    after_s: float
    make: Callable[[Intent, Arrival], Arrival]


@dataclass(frozen=True, kw_only=True)
class Service:
    """One version of the product: its WSGI application, and the defences that it has when nobody says otherwise.

    `switchable` services know DEFENCES; the others have none to switch.
    """

    app: str
    defences: str = "none"
    switchable: bool = False


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A product under load.

    `programs` are the WSGI applications of the parts that belong to the product (a payments company, say), by part.
    `worker` is what Python is told to run beside the service, to work off the queue (-m, MODULE); () for none.
    `seed` and `final_read` are modules: the first fills the database (--dsn, --schema, --defences, a --NAME a size);
    the second reads all that is left of a twin into a file (loadtests.final_state and its like); "" for none.
    """

    name: str
    services: Mapping[str, Service]
    line_up: tuple[str, ...]  # the services of an ordinary run, the control first
    operations: Mapping[str, Callable[[Intent], Arrival]]
    followers: Mapping[str, Follower] = field(default_factory=dict)  # by the operation that they follow
    history_ops: frozenset[str] = frozenset()  # whose content the invariants read
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the seed data
    programs: Mapping[str, str] = field(default_factory=dict)
    worker: tuple[str, ...] = ()
    seed: str = ""
    final_read: str = ""
    tables: tuple[str, ...] = ()  # that the final read brings
    token: Callable[[str], str] = str  # makes the load's own bearer token of the run's key

    def app(self, twin: TwinPlan) -> str:
        """The WSGI application of `twin`, for gunicorn."""
        return self.services[twin.service].app
