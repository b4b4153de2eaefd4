"""One twin as local processes: PostgreSQL, payments, the service, and a Toxiproxy of its own with a proxy per link."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.model import (
    DATABASE,
    EDGE,
    LINK_TO,
    PAYMENTS,
    POSTGRES,
    SERVICE,
    Kind,
    LabError,
    Stack,
    Target,
    Topology,
    TwinPlan,
)
from lab.paths import ROOT
from lab.ports import Actuator, Performer, Watched
from lab.runtime.local.asking import answers
from lab.runtime.local.parts import postgres
from lab.runtime.local.priority import giving_way, punctual
from lab.runtime.local.processes import Process, Processes, log_tail
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.programs import environment
from lab.runtime.toxiproxy.client import LinkActuator, create_proxy
from lab.runtime.toxiproxy.server import Birthmark, Engine
from lab.workload import Workload

SEED_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 30.0
# What hangs in a service is nobody's any more. (PostgreSQL gets its time: killed, it leaves shared memory behind.)
STOP_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """A twin's ports on loopback: the servers' by part, and the proxies' before them by link."""

    servers: Mapping[str, int]
    toxiproxy: int
    proxies: Mapping[str, int]

    @classmethod
    def reserved(cls, topology: Topology, ports: Ports) -> Addresses:
        parts = dict.fromkeys((SERVICE, *topology.parts))
        return cls(
            servers={part: ports.reserve() for part in parts},
            toxiproxy=ports.reserve(),
            proxies={link: ports.reserve() for link in topology.links},
        )

    @property
    def api(self) -> str:
        return f"http://{host_port(self.toxiproxy)}"


class LocalTwin:
    """Everything of one twin. `up` once; `stop` at any time, from any thread."""

    def __init__(
        self, plan: TwinPlan, stack: Stack, workload: Workload, folder: Path, ports: Ports, ledger: Ledger
    ) -> None:
        self.addresses = Addresses.reserved(stack.topology, ports)
        self.service: Process | None = None
        self._plan = plan
        self._stack = stack
        self._workload = workload
        self._folder = folder
        self._ledger = ledger
        self._servers = Processes(f"the {plan.name} twin", folder / "logs", ledger)
        self._links: dict[str, LinkActuator] = {}

    def up(self, install: postgres.Installation | None, engine: Engine) -> None:
        """Start all and wait until every part answers, through its proxy. Raises LabError; then `stop` the rest."""
        self._folder.mkdir(mode=0o755)
        database = self._start_postgres(install)
        payments = self._start_payments()
        birthmark = Birthmark.create(self._folder)
        toxiproxy = self._start_toxiproxy(engine, birthmark)
        seed = None
        if database is not None:
            postgres.await_ready(database, self._folder)
            seed = self._start_seed()
        toxiproxy.wait_until(lambda: birthmark.seen_at(self.addresses.api), READY_TIMEOUT_S)
        self._make_links()
        if seed is not None and seed.wait(SEED_TIMEOUT_S) != 0:
            raise LabError(f"The {self._plan.name} twin's data could not be loaded: {log_tail(seed.log)}")
        self.service = self._start_service()
        if payments is not None:
            payments.wait_until(
                lambda: answers(self.addresses.proxies[PAYMENTS], "/healthz"), READY_TIMEOUT_S
            )
        self.service.wait_until(lambda: answers(self.addresses.proxies[EDGE], "/readyz"), READY_TIMEOUT_S)

    def stop(self) -> None:
        """End all servers, together."""
        self._servers.stop()
        postgres.release(self._folder, self._ledger)

    def actuator(self, target: Target) -> Actuator:
        if target.kind is Kind.LINK and target.name in self._links:
            return self._links[target.name]
        raise LabError(f"The local runtime has nothing that changes {target}.")

    def performer(self, target: Target) -> Performer:
        raise LabError(f"The local runtime has nothing that acts on {target}.")

    def watched(self, target: Target) -> Watched:
        raise LabError(f"The local runtime cannot look at {target}.")

    def targets(self) -> dict[str, str]:
        """As `lab.ports.Testbed.targets`."""
        here = self.addresses
        addresses = {link: host_port(port) for link, port in here.proxies.items()}
        addresses |= {f"direct_{link}": host_port(self._server(link)) for link in here.proxies}
        if POSTGRES in here.servers:
            addresses["direct_dsn"] = postgres.dsn(here.servers[POSTGRES])
            addresses["probe_database"] = f"probe/{postgres.DATABASE}"
        return addresses

    def published(self) -> dict[str, str]:
        """As `lab.ports.Testbed.published`."""
        here = self.addresses
        database = {"database": postgres.dsn(here.servers[POSTGRES])} if POSTGRES in here.servers else {}
        return {"edge": f"http://{host_port(here.proxies[EDGE])}", "toxiproxy": here.api, **database}

    def collect(self, logs: Path) -> None:
        """Copy the logs of all parts into the folder `logs`."""
        for log in self._folder.glob("logs/*.log"):
            shutil.copy(log, logs / log.name)

    def cpu_s(self) -> float | None:
        """CPU seconds of the service, None where they cannot be told."""
        return None if self.service is None else self.service.cpu_s()

    def _start_toxiproxy(self, engine: Engine, birthmark: Birthmark) -> Process:
        command = engine.command(LOOPBACK, self.addresses.toxiproxy, birthmark)
        return self._servers.start("toxiproxy", [*punctual(), *command], env=environment(), cwd=ROOT)

    def _make_links(self) -> None:
        """A proxy per link; before it can carry a fault, the ledger says how to undo that."""
        here = self.addresses
        for name, port in here.proxies.items():
            link = LinkActuator(here.api, name)
            for undo in link.undo():
                self._ledger.undo(undo)
            create_proxy(here.api, name, listen=host_port(port), upstream=host_port(self._server(name)))
            self._links[name] = link

    def _server(self, link: str) -> int:
        """The port of what `link` leads to."""
        return self.addresses.servers[LINK_TO[link]]

    def _start_postgres(self, install: postgres.Installation | None) -> Process | None:
        port = self.addresses.servers.get(POSTGRES)
        return (
            None
            if port is None or install is None
            else postgres.start(install, self._folder, port, self._servers)
        )

    def _start_seed(self) -> Process:
        dsn = postgres.dsn(self.addresses.servers[POSTGRES])
        command = [sys.executable, "-m", self._workload.seed, "--dsn", dsn]
        command += ["--schema", self._plan.service, "--defences", self._plan.defences]
        command += [word for name, size in self._stack.sizes.items() for word in (f"--{name}", str(size))]
        return self._servers.start("seed", command, env=environment(), cwd=ROOT)

    def _start_payments(self) -> Process | None:
        if PAYMENTS not in self.addresses.servers:
            return None
        app, port = self._workload.programs[PAYMENTS], self.addresses.servers[PAYMENTS]
        return self._gunicorn(PAYMENTS, app, port, ("--workers", "1"))

    def _start_service(self) -> Process:
        """The service finds its dependencies behind the proxies, by the names of their links."""
        here = self.addresses.proxies
        found = {}
        if DATABASE in here:
            found["DATABASE_URL"] = f"postgresql://app:app@{host_port(here[DATABASE])}/{postgres.DATABASE}"
        if PAYMENTS in here:
            found["PAYMENTS_URL"] = f"http://{host_port(here[PAYMENTS])}"
        settings = {"LAB_TOKEN": self._stack.token, "DEFENCES": self._plan.defences, **found}
        app = self._workload.app(self._plan)
        return self._gunicorn(SERVICE, app, self.addresses.servers[SERVICE], (), **settings)

    def _gunicorn(self, name: str, app: str, port: int, options: tuple[str, ...], **settings: str) -> Process:
        """`app` as both twins and the dependency run it: how on the command line, with what in the environment."""
        metrics = self._folder / f"{name}-metrics"
        metrics.mkdir()
        env = environment(PROMETHEUS_MULTIPROC_DIR=str(metrics), **settings)
        server = [sys.executable, "-m", "gunicorn", "-c", "services/gunicorn.conf.py"]
        command = [*giving_way(), *server, "--bind", host_port(port), *options, app]
        return self._servers.start(name, command, env=env, cwd=ROOT, stop_timeout_s=STOP_TIMEOUT_S)


def host_port(port: int) -> str:
    return f"{LOOPBACK}:{port}"
