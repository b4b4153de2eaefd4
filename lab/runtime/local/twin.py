"""One twin as local processes: the parts of its topology, and a Toxiproxy of its own with a proxy per link."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from lab.model import (
    BALANCER,
    CACHE,
    EDGE,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    SERVICE,
    WORKER,
    LabError,
    Proxy,
    Server,
    Stack,
    TwinPlan,
)
from lab.paths import ROOT
from lab.ports import Actuator, Journal, Proxies
from lab.runtime.cgroups import cgroup_of
from lab.runtime.cores import only_on
from lab.runtime.local.addresses import Addresses, host_port
from lab.runtime.local.control import LocalControl
from lab.runtime.local.members import LocalReplica, Member
from lab.runtime.local.parts import installing, postgres
from lab.runtime.local.parts.stranger import let_through
from lab.runtime.local.processes import Process, Processes, log_tail
from lab.runtime.local.starting import Programs, Starter
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.parts import Parts, Tell
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.priority import punctual
from lab.runtime.programs import environment
from lab.runtime.restarter import Restarting
from lab.runtime.servers import read
from lab.runtime.testbed import total
from lab.runtime.toxiproxy.client import LinkActuator, create_proxy
from lab.runtime.toxiproxy.server import Birthmark, Engine
from lab.runtime.toxiproxy.tampering import ServerProxies, proxy_of
from lab.workload import Workload

SEED_TIMEOUT_S = 60.0
TOXIPROXY = "toxiproxy"
READY_TIMEOUT_S = 90.0  # on a machine that others use too; what ends is noticed at once
# Started together. The service loads its code meanwhile, and PostgreSQL's data is copied: the others need not wait.
TOGETHER = (PAYMENTS, SERVICE, CACHE, QUEUE, POSTGRES)


class LocalTwin:
    """Everything of one twin. `up` once; `stop` at any time, from any thread."""

    def __init__(
        self,
        plan: TwinPlan,
        stack: Stack,
        workload: Workload,
        programs: Programs,
        folder: Path,
        in_memory: Path,
        data: Path,
        logs: Path,
        ports: Ports,
        ledger: Ledger,
        tell: Tell,
        cores: Sequence[int] = (),
    ) -> None:
        """`in_memory` may be `folder`; PostgreSQL's `data` is in one of them. Without `cores` it runs on all."""
        self.addresses = Addresses.reserved(stack.topology, ports)
        self.members: dict[str, tuple[Member, ...]] = {}
        self.breakable = Parts(
            lambda part: [LocalControl(member, tell) for member in self.members.get(part, ())], ledger
        )
        self._plan = plan
        self._topology = stack.topology
        self._secrets = stack.secrets
        self._folder = folder
        self._in_memory = in_memory
        self._logs = logs
        self._ledger = ledger
        self._servers = Processes(f"the {plan.name} twin", logs, ledger, *only_on(cores))
        self.links: dict[str, Actuator] = {}
        self.proxies: Proxies = ServerProxies(self.addresses.api, {})
        self._restarting: Restarting | None = None
        self._toxiproxy: Process | None = None
        self._starter = Starter(
            plan=plan, stack=stack, workload=workload, programs=programs, addresses=self.addresses,
            folder=folder, in_memory=in_memory, data=data, processes=self._servers,
        )  # fmt: skip

    def up(self, engine: Engine, journal: Journal) -> None:
        """Start all and wait until every part answers, through its proxy. Raises LabError; then `stop` the rest."""
        self._folder.mkdir(mode=0o700)
        self._in_memory.mkdir(mode=0o700, exist_ok=True)
        for folder in (self._folder, self._in_memory):
            let_through(folder, self._starter.programs.user)
        seed = self._starter.seed() if POSTGRES in self._topology.parts else None  # it waits for the server
        await_toxiproxy = self._start_toxiproxy(engine)
        for part in TOGETHER:
            self._start(part)
        await_toxiproxy()
        self._make_links()
        for member in self.members.get(POSTGRES, ()):
            postgres.await_ready(member.process, self._starter.data)
        if seed is not None and seed.wait(SEED_TIMEOUT_S) != 0:
            raise LabError(f"The {self._plan.name} twin's data could not be loaded: {log_tail(seed.log)}")
        self._starter.let_serve()
        self._start(WORKER)
        for part in (PAYMENTS, CACHE, QUEUE, SERVICE):
            self._await(part)
        self._start(BALANCER)  # now: a replica that does not answer its first look has to wait for the second
        self._await(BALANCER)
        self._require_all_running()
        self._look_after_replicas(journal)

    def check(self) -> None:
        """Raises LabError if its Toxiproxy has ended, or its database cannot write. Other parts may be broken."""
        if self._toxiproxy is not None and not self._toxiproxy.running():
            raise LabError(
                f"The proxies of the {self._plan.name} twin ended mid-run, so no twin is judged. See "
                f"{self._plan.name}/logs/toxiproxy.log in the run's folder, then run it again."
            )
        if POSTGRES in self.members:
            postgres.require_room(self._starter.data)

    def stop(self) -> None:
        """End all servers, together."""
        if self._restarting is not None:
            self._restarting.stop()
        self._servers.stop()
        postgres.release(self._starter.data, self._ledger)

    def targets(self) -> dict[str, str]:
        """As `lab.ports.Testbed.targets`."""
        here = self.addresses
        addresses = {**here.links}
        addresses |= {f"direct_{link}": host_port(self._upstream(link)) for link in here.proxies}
        addresses |= {
            f"{SERVICE}/{n}": host_port(port) for n, port in enumerate(here.servers[SERVICE], start=1)
        }
        if POSTGRES in here.servers:
            addresses["direct_dsn"] = postgres.dsn(here.servers[POSTGRES][0], self._secrets.owner)
            addresses["probe_database"] = f"probe/{installing.DATABASE}"
        return addresses

    def published(self) -> dict[str, str]:
        """As `lab.ports.Testbed.published`."""
        here = self.addresses
        found = {"edge": f"http://{here.links[EDGE]}", "toxiproxy": here.api}
        if POSTGRES in here.servers:
            found["psql"] = postgres.psql(here.servers[POSTGRES][0], self._secrets.owner)
        return found

    def collect(self, logs: Path) -> None:
        """Copy the logs of all parts into the folder `logs`."""
        for log in self._logs.glob("*.log"):
            shutil.copy(log, logs / log.name)

    def servers(self) -> Mapping[str, Server]:
        """As `lab.ports.Testbed.servers`."""
        here = {
            f"{part}/{member.name}": member.process
            for part, members in self.members.items()
            for member in members
        }
        if self._toxiproxy is not None:
            here[f"{TOXIPROXY}/1"] = self._toxiproxy
        pids = {name: process.pid if process.running() else 0 for name, process in here.items()}
        return {name: read(pid, cgroup_of(pid)) for name, pid in pids.items()}

    def cpu_s(self) -> float | None:
        """CPU seconds of the service, None where they cannot be told."""
        return total(member.cpu_s() for member in self.members.get(SERVICE, ()))

    def _start(self, part: str) -> None:
        """All members of `part`, where the topology has it."""
        if part in (SERVICE, *self._topology.parts):
            self.members[part] = tuple(
                Member(part, name, partial(self._starter.start, part, name))
                for name in self._topology.members(part)
            )

    def _await(self, part: str) -> None:
        """Return when every member of `part` answers."""
        for member in self.members.get(part, ()):
            ready = partial(self._starter.answers, part, member.name)
            member.process.wait_until(ready, READY_TIMEOUT_S)

    def _require_all_running(self) -> None:
        for member in (member for members in self.members.values() for member in members):
            if not member.process.running():
                raise LabError(f"{member.process.name} has ended: {log_tail(member.process.log)}")

    def _look_after_replicas(self, journal: Journal) -> None:
        if self._topology.restarter is not None:
            ports = self.addresses.servers[SERVICE]
            replicas = [LocalReplica(m, port) for m, port in zip(self.members[SERVICE], ports, strict=True)]
            self._restarting = Restarting(self._topology.restarter, self._plan.name, replicas, journal)
            self._restarting.start()

    def _start_toxiproxy(self, engine: Engine) -> Callable[[], None]:
        """Start it; returns a function that waits until it answers."""
        birthmark = Birthmark.of(self._ledger.run)
        command = engine.command(LOOPBACK, self.addresses.toxiproxy, birthmark.write(self._folder))
        routes = {
            link: Proxy(listen=host_port(port), upstream=host_port(self._upstream(link)))
            for link, port in self.addresses.proxies.items()
        }
        self.proxies = ServerProxies(self.addresses.api, {**routes, birthmark.name: proxy_of(birthmark)})
        server = self._servers.start(TOXIPROXY, [*punctual(), *command], env=environment(), cwd=ROOT)
        self._toxiproxy = server
        return lambda: server.wait_until(lambda: birthmark.seen_at(self.addresses.api), READY_TIMEOUT_S)

    def _make_links(self) -> None:
        """A proxy per link; before it can carry a fault, the ledger says how to undo that."""
        here = self.addresses
        for name in here.proxies:
            link, route = LinkActuator(here.api, name), self.proxies.planned[name]
            for undo in link.undo():
                self._ledger.undo(undo)
            create_proxy(here.api, name, listen=route.listen, upstream=route.upstream)
            self.links[name] = link

    def _upstream(self, link: str) -> int:
        """The port of what `link` leads to."""
        return self.addresses.servers[self._topology.behind(link)][0]
