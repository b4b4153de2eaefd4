"""One twin as local processes: PostgreSQL, payments, the service, and a Toxiproxy of its own with a proxy per link."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.model import DATABASE, EDGE, LINKS, PAYMENTS, LabError, Stack, TwinPlan
from lab.paths import ROOT
from lab.ports import Link
from lab.runtime.local.asking import answers
from lab.runtime.local.parts import postgres
from lab.runtime.local.priority import giving_way, punctual
from lab.runtime.local.processes import Process, Processes, log_tail
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.programs import environment
from lab.runtime.toxiproxy.client import ToxiproxyLink, create_proxy
from lab.runtime.toxiproxy.server import Birthmark, Engine

SEED_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 30.0
# What hangs in a service is nobody's any more. (PostgreSQL gets its time: killed, it leaves shared memory behind.)
STOP_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """A twin's ports on loopback: the servers', and the proxies' before them."""

    postgres: int
    payments: int
    service: int
    toxiproxy: int
    proxies: Mapping[str, int]

    @classmethod
    def reserved(cls, ports: Ports) -> Addresses:
        return cls(
            postgres=ports.reserve(),
            payments=ports.reserve(),
            service=ports.reserve(),
            toxiproxy=ports.reserve(),
            proxies={link: ports.reserve() for link in LINKS},
        )

    @property
    def api(self) -> str:
        return f"http://{host_port(self.toxiproxy)}"


class LocalTwin:
    """Everything of one twin. `up` once; `stop` at any time, from any thread."""

    def __init__(self, plan: TwinPlan, stack: Stack, folder: Path, ports: Ports, ledger: Ledger) -> None:
        self.addresses = Addresses.reserved(ports)
        self.links: Mapping[str, Link] = {}
        self.service: Process | None = None
        self._plan = plan
        self._stack = stack
        self._folder = folder
        self._ledger = ledger
        self._servers = Processes(f"the {plan.name} twin", folder / "logs", ledger)

    def up(self, install: postgres.Installation, engine: Engine) -> None:
        """Start all and wait until every part answers, through its proxy. Raises LabError; then `stop` the rest."""
        self._folder.mkdir(mode=0o755)
        database = postgres.start(install, self._folder, self.addresses.postgres, self._servers)
        payments = self._start_payments()
        birthmark = Birthmark.create(self._folder)
        toxiproxy = self._start_toxiproxy(engine, birthmark)
        postgres.await_ready(database, self._folder)
        seed = self._start_seed()
        toxiproxy.wait_until(lambda: birthmark.seen_at(self.addresses.api), READY_TIMEOUT_S)
        self._make_links()
        if seed.wait(SEED_TIMEOUT_S) != 0:
            raise LabError(f"The {self._plan.name} twin's data could not be loaded: {log_tail(seed.log)}")
        self.service = self._start_service()
        payments.wait_until(lambda: answers(self.addresses.proxies[PAYMENTS], "/healthz"), READY_TIMEOUT_S)
        self.service.wait_until(lambda: answers(self.addresses.proxies[EDGE], "/readyz"), READY_TIMEOUT_S)

    def stop(self) -> None:
        """End all servers, together."""
        self._servers.stop()
        postgres.release(self._folder, self._ledger)

    def targets(self) -> dict[str, str]:
        """As `lab.ports.Testbed.targets`."""
        here = self.addresses
        return {
            **{link: host_port(here.proxies[link]) for link in LINKS},
            "direct_edge": host_port(here.service),
            "direct_payments": host_port(here.payments),
            "direct_dsn": postgres.dsn(here.postgres),
            "probe_database": f"probe/{postgres.DATABASE}",
        }

    def published(self) -> dict[str, str]:
        """As `lab.ports.Testbed.published`."""
        return {
            "edge": f"http://{host_port(self.addresses.proxies[EDGE])}",
            "toxiproxy": self.addresses.api,
            "database": postgres.dsn(self.addresses.postgres),
        }

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
        servers = {EDGE: here.service, DATABASE: here.postgres, PAYMENTS: here.payments}
        for link in LINKS:
            self._ledger.undo(here.api, link)
            create_proxy(
                here.api, link, listen=host_port(here.proxies[link]), upstream=host_port(servers[link])
            )
        self.links = {link: ToxiproxyLink(here.api, link) for link in LINKS}

    def _start_seed(self) -> Process:
        sizes = self._stack.seed_sizes
        command = [sys.executable, "-m", "services.seed", "--dsn", postgres.dsn(self.addresses.postgres)]
        command += ["--schema", self._plan.name, "--defences", self._plan.defences]
        command += [word for name, size in asdict(sizes).items() for word in (f"--{name}", str(size))]
        return self._servers.start("seed", command, env=environment(), cwd=ROOT)

    def _start_payments(self) -> Process:
        app = "services.dependencies.payments:create_app()"
        return self._gunicorn("payments", app, self.addresses.payments, ("--workers", "1"))

    def _start_service(self) -> Process:
        return self._gunicorn(
            "service",
            self._plan.app,
            self.addresses.service,
            (),
            DATABASE_URL=f"postgresql://app:app@{host_port(self.addresses.proxies[DATABASE])}/{postgres.DATABASE}",
            PAYMENTS_URL=f"http://{host_port(self.addresses.proxies[PAYMENTS])}",
            LAB_TOKEN=self._stack.token,
            DEFENCES=self._plan.defences,
        )

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
