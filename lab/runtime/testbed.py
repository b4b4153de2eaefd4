"""What both testbeds share: a twin for each name, which answers for itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from lab.model import SERVICE, STORE, Kind, LabError, Life, MachineSample, Restarted, Server, Stack, Target
from lab.ports import Actuator, Journal, Performer, Proxies, Watched
from lab.runtime.machine import Counters
from lab.runtime.ownership.guardian import Guardian
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.ownership.trees import CHILDREN_KNOWN
from lab.runtime.parts import Parts, Tell
from lab.runtime.servers import life
from lab.workload import Workload

if TYPE_CHECKING:
    from lab.runtime.stores.sessions import DatabaseActuator

PACKAGES = ("flask", "gunicorn", "locust", "psycopg", "sqlalchemy")  # whose versions are in the manifest


class Twin(Protocol):
    """One full set of parts, running or about to, with its own Toxiproxy."""

    @property
    def links(self) -> Mapping[str, Actuator]: ...
    @property
    def proxies(self) -> Proxies: ...
    @property
    def breakable(self) -> Parts: ...
    def targets(self) -> Mapping[str, str]: ...
    def published(self) -> Mapping[str, str]: ...
    def collect(self, logs: Path) -> None: ...
    def servers(self) -> Mapping[str, Server]: ...
    def cpu_s(self) -> float | None: ...


AnyTwin = TypeVar("AnyTwin", bound=Twin)


class Twins(Generic[AnyTwin]):
    """The part of `lab.ports.Testbed` that passes calls on to the twin they are about."""

    def __init__(self, stack: Stack, workload: Workload, state_dir: Path) -> None:
        self._stack = stack
        self._workload = workload
        self._state_dir = state_dir
        self._twins: dict[str, AnyTwin] = {}
        self._ledger: Ledger | None = None
        self._guardian: Guardian | None = None
        self._facts: dict[str, Any] = {}
        self._journal: Journal | None = None
        self._databases: dict[str, DatabaseActuator] = {}
        self._machine = Counters()

    def actuator(self, twin: str, target: Target) -> Actuator:
        if target == STORE:
            return self._database(twin)
        if target.kind is Kind.PART:
            return self._twins[twin].breakable.actuator(target)
        if target.kind is Kind.LINK and target.name in self._twins[twin].links:
            return self._twins[twin].links[target.name]
        raise LabError(f"This twin has no {target}.")

    def performer(self, twin: str, target: Target) -> Performer:
        return self._database(twin) if target == STORE else self._twins[twin].breakable.performer(target)

    def watched(self, twin: str, target: Target) -> Watched:
        return self._twins[twin].breakable.watched(target)

    def proxies(self, twin: str) -> Proxies:
        return self._twins[twin].proxies

    def targets(self, twin: str) -> Mapping[str, str]:
        return self._twins[twin].targets()

    def published(self, twin: str) -> Mapping[str, str]:
        return self._twins[twin].published()

    def collect(self, twin: str, folder: Path) -> None:
        """The logs of the twin's parts; nothing if the twin never began to start."""
        if twin in self._twins:
            logs = folder / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            self._twins[twin].collect(logs)

    def facts(self) -> Mapping[str, Any]:
        """What ran: empty before `up`."""
        return self._facts

    def servers(self, twin: str) -> Mapping[str, Server]:
        return self._twins[twin].servers()

    def look(self) -> MachineSample | None:
        return self._machine.look()

    def paused(self, servers: Mapping[str, Server]) -> Collection[str] | None:
        if not CHILDREN_KNOWN:  # then each look goes through all processes of the machine
            return None
        return {name for name, server in servers.items() if life(server.pid) is Life.PAUSED}

    def cpu_s(self, twin: str) -> float | None:
        return self._twins[twin].cpu_s()

    def _database(self, twin: str) -> DatabaseActuator:
        """The actuator of the twin's database, past every proxy. The ledger first says how to heal it."""
        from lab.runtime.stores.sessions import DatabaseActuator  # few runs need a driver of the database

        if twin not in self._databases:
            if (dsn := self.targets(twin).get("direct_dsn")) is None:
                raise LabError(f"The {twin} twin has no database to break.")
            database = DatabaseActuator(dsn, self._stack.mark)
            for undo in database.undo():
                self._open_ledger().undo(undo)
            self._databases[twin] = database
        return self._databases[twin]

    def _telling(self, twin: str) -> Tell:
        """Records which members of `twin` are restarted, and why."""

        def tell(part: str, member: str, reason: str) -> None:
            if self._journal is not None:
                at_s = self._journal.now_s()
                self._journal.tell(Restarted(twin=twin, part=part, member=member, at_s=at_s, reason=reason))

        return tell

    def _guarded(self) -> Ledger:
        """Open the ledger: from now on everything in it will be ended, whatever happens to this process."""
        ledger = self._open_ledger()
        self._guardian = Guardian(self._state_dir, ledger)
        return ledger

    def _open_ledger(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self._state_dir, self._stack.run)
        return self._ledger

    def _stand(self) -> None:
        """Everything is up: if it is to outlive this process, dismiss the guardian."""
        if self._stack.linger and self._guardian is not None:
            for twin in self._twins.values():
                twin.breakable.make_healable((SERVICE, *self._stack.topology.parts))
            self._open_ledger().left_standing({twin: self.published(twin) for twin in self._twins})
            self._guardian.dismiss()

    def _let_go(self, *, everything_gone: bool = True) -> None:
        """Nothing is left to guard. A ledger that still names something stays, for the next start to clean up."""
        while self._databases:
            self._databases.popitem()[1].close()
        if self._guardian is not None:
            self._guardian.dismiss()
            self._guardian = None
        if self._ledger is not None and everything_gone and not self._ledger.running():
            self._ledger.close()
            self._ledger = None


def total(spent_s: Iterable[float | None]) -> float | None:
    """The CPU seconds of all replicas; None if one is unknown, or there are none."""
    told = list(spent_s)
    known = [one for one in told if one is not None]
    return sum(known) if known and len(known) == len(told) else None
