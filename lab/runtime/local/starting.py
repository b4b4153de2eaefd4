"""How each part of a twin is started as a process: with the same command every time, also after a kill."""

from __future__ import annotations

import pwd
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.model import (
    BALANCER,
    CACHE,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    SERVICE,
    WORKER,
    LabError,
    Stack,
    TwinPlan,
)
from lab.paths import ROOT
from lab.runtime.local.addresses import Addresses, host_port
from lab.runtime.local.asking import answers, replies
from lab.runtime.local.parts import caddy, nats, postgres, valkey
from lab.runtime.local.parts.installing import Installation
from lab.runtime.local.parts.wheels import Program
from lab.runtime.local.processes import Process, Processes
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment
from lab.runtime.settings import readiness, roles_environment, server_options, service_urls
from lab.workload import Workload

# Nobody waits any more for requests that hang in a service. (PostgreSQL gets time: a kill leaves shared memory behind.)
STOP_TIMEOUT_S = 1.0
READY_PATH, LIVE_PATH = "/readyz", "/healthz"


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The servers of this machine that a topology needs, found once for all twins."""

    postgres: Installation | None
    servers: Mapping[str, Program]  # by part

    @property
    def user(self) -> pwd.struct_passwd | None:
        """The user that PostgreSQL runs as; None: we ourselves."""
        return None if self.postgres is None else self.postgres.user


@dataclass(frozen=True, kw_only=True)
class Starter:
    """Starts the members of one twin's parts."""

    plan: TwinPlan
    stack: Stack
    workload: Workload
    programs: Programs
    addresses: Addresses
    folder: Path
    in_memory: Path  # for what is written while requests are answered
    data: Path  # PostgreSQL's data folder
    processes: Processes

    def start(self, part: str, member: str) -> Process:
        """A process for `member` of `part`, starting. Raises LabError where it cannot be started."""
        start: Mapping[str, Callable[[], Process]] = {
            SERVICE: lambda: self._service(member),
            POSTGRES: self._postgres,
            PAYMENTS: self._payments,
            BALANCER: self._balancer,
            CACHE: self._cache,
            QUEUE: self._queue,
            WORKER: self._worker,
        }
        return start[part]()

    def answers(self, part: str, member: str) -> bool:
        """Whether `member` of `part` is ready now, asked through its proxy if it has one."""
        port, password = self._address(part, member), self.stack.secrets.stores
        ready: Mapping[str, Callable[[], bool]] = {
            SERVICE: lambda: answers(port, READY_PATH),
            BALANCER: lambda: answers(port, READY_PATH),
            PAYMENTS: lambda: answers(port, LIVE_PATH),
            CACHE: lambda: replies(port, *readiness(CACHE, password)),
            QUEUE: lambda: replies(port, *readiness(QUEUE, password)),
        }
        return ready[part]()

    def seed(self) -> Process:
        """Loads the schema and the data as soon as the server takes connections, then ends."""
        env = environment(PGPASSWORD=self._database().password, **roles_environment(self.stack.secrets))
        command = [sys.executable, "-m", self.workload.seed, "--dsn", postgres.dsn(self._port(POSTGRES))]
        command += ["--schema", self.plan.service, "--defences", self.plan.defences]
        command += [word for name, size in self.stack.sizes.items() for word in (f"--{name}", str(size))]
        return self.processes.start("seed", command, env=env, cwd=ROOT)

    def let_serve(self) -> None:
        """The data is there: let the service start its workers, now and whenever it is started again."""
        self._data_loaded.touch()

    @property
    def _data_loaded(self) -> Path:
        return self.folder / "data-loaded"

    def _service(self, member: str) -> Process:
        port = self.addresses.servers[SERVICE][int(member) - 1]
        name = SERVICE if self.stack.topology.replicas == 1 else f"{SERVICE}-{member}"
        options = server_options(self.stack.topology.profile)
        settings = {**self._surroundings(), "START_AFTER": str(self._data_loaded)}
        return self._gunicorn(name, self.workload.app(self.plan), port, options, **settings)

    def _worker(self) -> Process:
        if not self.workload.worker:
            raise LabError(f"The workload {self.workload.name} has no worker: remove it from the topology.")
        command = [*giving_way(), sys.executable, *self.workload.worker]
        return self.processes.start(
            WORKER, command, env=environment(**self._surroundings()), cwd=ROOT,
            stop_timeout_s=STOP_TIMEOUT_S, disposable=True,
        )  # fmt: skip

    def _surroundings(self) -> dict[str, str]:
        """The environment of service and worker."""
        urls = service_urls(self.addresses.links, self.stack.secrets)
        return {"TOKEN_KEY": self.stack.secrets.token_key, "DEFENCES": self.plan.defences, **urls}

    def _payments(self) -> Process:
        app = self.workload.programs[PAYMENTS]
        books = str(self.folder / "payments.sqlite")  # a restart must find it again
        settings = {"TOKEN_KEY": self.stack.secrets.token_key, "PAYMENTS_FILE": books}
        return self._gunicorn(PAYMENTS, app, self._port(PAYMENTS), ("--workers", "1"), **settings)

    def _gunicorn(self, name: str, app: str, port: int, options: tuple[str, ...], **settings: str) -> Process:
        """Start `app` under gunicorn, in the same way for both twins and the dependency."""
        metrics = self.in_memory / f"{name}-metrics"
        shutil.rmtree(metrics, ignore_errors=True)  # a new process counts from zero
        metrics.mkdir(exist_ok=True)  # a worker that is dying may have written while we removed
        env = environment(PROMETHEUS_MULTIPROC_DIR=str(metrics), **settings)
        server = [sys.executable, "-m", "gunicorn", "-c", "services/gunicorn.conf.py"]
        command = [*giving_way(), *server, "--bind", host_port(port), *options, app]
        return self.processes.start(
            name, command, env=env, cwd=ROOT, stop_timeout_s=STOP_TIMEOUT_S, disposable=True
        )

    def _postgres(self) -> Process:
        return postgres.start(self._database(), self.data, self._port(POSTGRES), self.processes)

    def _database(self) -> Installation:
        if self.programs.postgres is None:
            raise LabError("PostgreSQL was not looked for, since the topology has none.")
        return self.programs.postgres

    def _balancer(self) -> Process:
        return caddy.start(
            self.programs.servers[BALANCER], self.folder, self._port(BALANCER),
            self.addresses.servers[SERVICE], self.stack.topology.balancing, self.processes,
        )  # fmt: skip

    def _cache(self) -> Process:
        server, port = self.programs.servers[CACHE], self._port(CACHE)
        return valkey.start(server, self.folder, port, self.stack.secrets.stores, self.processes)

    def _queue(self) -> Process:
        server, port = self.programs.servers[QUEUE], self._port(QUEUE)
        return nats.start(server, self.folder, port, self.stack.secrets.stores, self.processes)

    def _port(self, part: str) -> int:
        return self.addresses.servers[part][0]

    def _address(self, part: str, member: str) -> int:
        topology = self.stack.topology
        links = [link for link in topology.links if topology.behind(link) == part]
        if links and topology.members(part) == (member,):
            return self.addresses.proxies[links[0]]
        return self.addresses.servers[part][int(member) - 1]
