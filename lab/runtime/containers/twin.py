"""One twin as a Compose project: the parts of its topology and its own Toxiproxy, on their own network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from docker.models.containers import Container

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
    Server,
)
from lab.ports import Actuator, Child, Journal, Proxies
from lab.runtime.cgroups import Cgroup, Counters, cgroup_of
from lab.runtime.containers.asking import ANSWER_TIMEOUT_S, address, answers, healthy, replies
from lab.runtime.containers.child import ContainerChild
from lab.runtime.containers.control import ContainerControl
from lab.runtime.containers.engine import TWIN_LABEL, answering, client
from lab.runtime.containers.project import PROXIES, SEED, SERVICE_PORT, TOXIPROXY, Project, Run, routes
from lab.runtime.containers.replica import DockerReplica
from lab.runtime.containers.servers import servers_of
from lab.runtime.containers.stoppable import Stoppable
from lab.runtime.ownership.ledger import NETWORK, RUN_LABEL, Ledger
from lab.runtime.parts import Parts, Tell
from lab.runtime.restarter import Restarting
from lab.runtime.settings import readiness
from lab.runtime.testbed import total
from lab.runtime.toxiproxy.client import LinkActuator
from lab.runtime.toxiproxy.tampering import ServerProxies, mark

ALWAYS = (POSTGRES, PAYMENTS, TOXIPROXY, SERVICE)  # twin.yaml's, without any profile
LISTENS = {
    BALANCER: SERVICE_PORT,
    SERVICE: SERVICE_PORT,
    PAYMENTS: 8000,
    POSTGRES: 5432,
    CACHE: 6379,
    QUEUE: 4222,
}
READY_PATH = "/readyz"
READY_TIMEOUT_S = 90.0  # long, for busy machines; a part that ends is noticed at once
POLL_S = 0.05
LOG_LINES = 5


class DockerTwin:
    """Everything of one twin. Its maker removes everything with the run's label."""

    def __init__(self, project: Project, ledger: Ledger, tell: Tell) -> None:
        self.replicas: list[DockerReplica] = []
        self._project = project
        self._topology = project.stack.topology
        self._ledger = ledger
        self.containers: dict[str, list[Container]] = {}
        self.links: dict[str, Actuator] = {}
        self.proxies: Proxies = ServerProxies(self._project.api, {})
        self.programs: list[Container] = []  # that run beside it
        self._cpu: list[tuple[Cgroup, Counters]] = []
        self._tell = tell
        self.breakable = Parts(self._controls, ledger)
        self._restarting: Restarting | None = None
        self._starting = Stoppable(f"The {project.plan.name} twin")

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts that have containers, including Toxiproxy."""
        return tuple(dict.fromkeys((*ALWAYS, *self._topology.parts)))

    def up(self, journal: Journal) -> None:
        """Start all, load the data and wait until every part answers."""
        for part in (*self.parts, SEED):
            for member in self._topology.members(part):
                self._ledger.own_container(self._project.container(part, member))
        for network in self._project.networks:
            self._ledger.own(NETWORK, network)
        for link in self._topology.links:
            for undo in LinkActuator(self._project.api, link).undo():
                self._ledger.undo(undo)
        self._start(self._project.up)
        self._find(part for part in self.parts if part != BALANCER)
        give_up = time.monotonic() + READY_TIMEOUT_S
        self._await_dependencies(give_up)
        self._gather_replicas()
        if BALANCER in self.parts:
            self._start_balancer(give_up)
        edge = f"{self.published()['edge']}{READY_PATH}"
        self._await(self._topology.behind(EDGE), lambda: answers(edge), give_up)
        self.proxies = ServerProxies(
            self._shortest_api(), {**routes(), **mark(self._project.api, self._ledger.run)}
        )
        self.links = {link: LinkActuator(self._shortest_api(), link) for link in self._topology.links}
        if WORKER in self.parts:
            worker = DockerReplica("1", self.containers[WORKER][0], self._project.network, directly=False)
            self._await(WORKER, worker.running, give_up)
        self._look_after_replicas(journal)

    def stop(self) -> None:
        """Start nothing any more, and wait for nothing."""
        self._starting.stop()
        if self._restarting is not None:
            self._restarting.stop()

    def spawn(self, module: str, folder: Path, name: str) -> Child:
        project = self._project
        labels = {RUN_LABEL: project.stack.run, TWIN_LABEL: project.plan.name}
        child = ContainerChild(
            f"{project.name}-{name}", module, folder, name,
            image=project.images.load, network=project.network, labels=labels, ledger=self._ledger,
        )  # fmt: skip
        self.programs.append(child.container)
        return child

    def targets(self) -> dict[str, str]:
        """See `lab.ports.Testbed.targets`. Addresses, not names: a look-up would cost a probe time."""
        links = self._topology.links
        behind = {link: self._topology.behind(link) for link in links}
        owner = f"lab:{self._project.stack.secrets.owner}"
        return {
            **{link: f"{self._at(TOXIPROXY)}:{PROXIES[link]}" for link in links},
            **{f"direct_{link}": f"{self._at(part)}:{LISTENS[part]}" for link, part in behind.items()},
            **{f"{SERVICE}/{replica.name}": replica.host_port for replica in self.replicas},
            "direct_dsn": f"postgresql://{owner}@{self._at(POSTGRES)}:5432/lab",
            "probe_database": "probe/lab",
        }

    def published(self) -> dict[str, str]:
        """See `lab.ports.Testbed.published`."""
        return self._project.for_people()

    def collect(self, logs: Path) -> None:
        """Write the log of every container that was started into the folder `logs`."""
        for part in (*self.parts, SEED):
            members = self._topology.members(part)
            for member in members:
                name = part if len(members) == 1 else f"{part}-{member}"
                with answering():
                    for container in self._listed(part, member):
                        (logs / f"{name}.log").write_bytes(bytes(container.logs(timestamps=True)))

    def cpu_s(self) -> float | None:
        """CPU seconds of the service; None if unknown."""
        for kernel, counters in self._cpu:
            counters.see(kernel)
        return total(counters.cpu_s for _, counters in self._cpu)

    def servers(self) -> dict[str, Server]:
        """See `lab.ports.Testbed.servers`."""
        return servers_of(self.containers)

    def ask(self, part: str, *command: str) -> str:
        """The output of `command` inside `part`."""
        with answering():
            printed: Any = self.containers[part][0].exec_run(list(command)).output
        return str(printed.decode().strip())

    def _at(self, part: str) -> str:
        return address(self.containers[part][0], self._project.network)

    def _shortest_api(self) -> str:
        """Toxiproxy without Docker's proxy in between, if containers can be reached: faults must be on time."""
        direct = f"http://{self._at(TOXIPROXY)}:8474"
        return direct if answers(f"{direct}/version") else self._project.api

    def _controls(self, part: str) -> list[ContainerControl]:
        members = enumerate(self.containers.get(part, ()), start=1)
        return [ContainerControl(part, str(n), container, self._tell) for n, container in members]

    def _start(self, start: Callable[[Run], None]) -> None:
        try:
            start(self._starting.output)
        except LabError as error:
            self._starting.check()
            name = self._project.plan.name
            raise LabError(f"The {name} twin cannot be started. {error}{self._tail(SEED)}") from error

    def _find(self, parts: Iterable[str]) -> None:
        """The containers of `parts`, in their current state."""
        with answering():
            for part in parts:
                names = [self._project.container(part, member) for member in self._topology.members(part)]
                self.containers[part] = [client().containers.get(name) for name in names]

    def _await_dependencies(self, give_up: float) -> None:
        """The data is loaded, so PostgreSQL answers."""
        asker = self.containers[PAYMENTS][0]
        self._await(PAYMENTS, partial(healthy, asker), give_up)
        for part in (CACHE, QUEUE):
            if part in self.parts:
                question = readiness(part, self._project.stack.secrets.stores)
                self._await(part, partial(replies, asker, TOXIPROXY, PROXIES[part], *question), give_up)

    def _gather_replicas(self) -> None:
        directly = self._shortest_api() != self._project.api
        network = self._project.network
        self.replicas = [
            DockerReplica(str(n), container, network, directly=directly)
            for n, container in enumerate(self.containers[SERVICE], start=1)
        ]
        pids = [int(one.attrs["State"]["Pid"]) for one in self.containers[SERVICE]]
        self._cpu = [(cgroup_of(pid), Counters()) for pid in pids]

    def _start_balancer(self, give_up: float) -> None:
        """Started when the replicas answer: one that fails the balancer's first check must wait for the second."""
        for replica in self.replicas:
            self._await(SERVICE, partial(replica.answers, READY_PATH, ANSWER_TIMEOUT_S), give_up)
        replicas = [replica.host_port for replica in self.replicas]
        self._start(lambda run: self._project.balance(run, replicas))
        self._find([BALANCER])

    def _look_after_replicas(self, journal: Journal) -> None:
        if self._topology.restarter is not None:
            name = self._project.plan.name
            self._restarting = Restarting(self._topology.restarter, name, self.replicas, journal)
            self._restarting.start()

    def _await(self, part: str, ready: Callable[[], bool], give_up: float) -> None:
        """Return once `ready()`. Raises LabError if a container ends first, or if it takes too long."""
        while not ready():
            self._starting.check()
            for container in self.containers[part]:
                with answering():
                    container.reload()
                if container.status != "running" or time.monotonic() > give_up:
                    name = self._project.plan.name
                    raise LabError(
                        f"The {name} twin's {part} does not answer ({container.status}).{self._tail(part)}"
                    )
            time.sleep(POLL_S)

    def _tail(self, part: str) -> str:
        with answering():
            last = [bytes(one.logs(tail=LOG_LINES)).decode().strip() for one in self._listed(part)]
        return f" Its log ends: {last[0]}" if last and last[0] else ""

    def _listed(self, part: str, member: str = "1") -> list[Container]:
        name = f"^/{self._project.container(part, member)}$"
        return list(client().containers.list(all=True, ignore_removed=True, filters={"name": name}))
