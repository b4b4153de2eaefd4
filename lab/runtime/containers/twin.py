"""One twin as a Compose project: PostgreSQL, payments, the service and its own Toxiproxy on a network of their own."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container

from lab.model import DATABASE, EDGE, PAYMENTS, Kind, LabError, Stack, Target, TwinPlan
from lab.ports import Actuator, Child, Performer, Watched
from lab.runtime.containers.child import ContainerChild
from lab.runtime.containers.cpu import cpu_meter
from lab.runtime.containers.engine import RUN_LABEL, TWIN_LABEL, answering, client
from lab.runtime.containers.images import COMPOSE_FILE, Images
from lab.runtime.docker_client import docker_environment
from lab.runtime.ownership.ledger import NETWORK, RUN_MARK, Ledger
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.programs import output
from lab.runtime.toxiproxy.client import LinkActuator
from lab.workload import Workload

SEED = "seed"
PARTS = ("postgres", "payments", "toxiproxy", "service")
LISTENERS = {EDGE: 8000, DATABASE: 5432, PAYMENTS: 8001}  # compose/toxiproxy.json
UP_TIMEOUT_S = 120.0
READY_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 2.0
POLL_S = 0.05
LOG_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Published:
    """Ports of this machine's loopback behind which a twin's edge and its Toxiproxy's API are."""

    edge: int
    toxiproxy: int


class DockerTwin:
    """Everything of one twin. Whoever made it removes what carries the run's label."""

    def __init__(
        self,
        plan: TwinPlan,
        stack: Stack,
        workload: Workload,
        images: Images,
        ports: Published,
        ledger: Ledger,
    ) -> None:
        self._plan = plan
        self._stack = stack
        self._workload = workload
        self._images = images
        self._ports = ports
        self._ledger = ledger
        self._project = f"failure-lab-{stack.run}-{plan.name}".lower()
        self._network = f"{self._project}_twin"
        self._containers: dict[str, Container] = {}
        self._links: Mapping[str, LinkActuator] = {}
        self._cpu: Callable[[], float | None] = lambda: None

    def up(self) -> None:
        """Start all, load the data and wait until every part answers."""
        for part in (*PARTS, SEED):
            self._ledger.own_container(self._name(part))
        self._ledger.own(NETWORK, self._network)
        for link in LISTENERS:
            for undo in LinkActuator(self._api, link).undo():
                self._ledger.undo(undo)
        self._compose_up()
        with answering():
            self._containers = {part: client().containers.get(self._name(part)) for part in PARTS}
        give_up = time.monotonic() + READY_TIMEOUT_S
        # The data is loaded, so PostgreSQL answers; the edge answers through Toxiproxy.
        self._await("payments", partial(healthy, self._containers["payments"]), give_up)
        self._await("service", lambda: answers(f"{self.published()['edge']}/readyz"), give_up)
        self._links = {link: LinkActuator(self._shortest_api(), link) for link in LISTENERS}
        self._cpu = cpu_meter(int(self._containers["service"].attrs["State"]["Pid"]))

    def spawn(self, module: str, folder: Path, name: str) -> Child:
        labels = {RUN_LABEL: self._stack.run, TWIN_LABEL: self._plan.name}
        return ContainerChild(
            f"{self._project}-{name}", module, folder, name,
            image=self._images.load, network=self._network, labels=labels, ledger=self._ledger,
        )  # fmt: skip

    def actuator(self, target: Target) -> Actuator:
        if target.kind is Kind.LINK and target.name in self._links:
            return self._links[target.name]
        raise LabError(f"The docker runtime has nothing that changes {target}.")

    def performer(self, target: Target) -> Performer:
        raise LabError(f"The docker runtime has nothing that acts on {target}.")

    def watched(self, target: Target) -> Watched:
        raise LabError(f"The docker runtime cannot look at {target}.")

    def targets(self) -> dict[str, str]:
        """As `lab.ports.Testbed.targets`. Addresses, not names: no look-up may spend a probe's time."""
        at = {part: address(self._containers[part], self._network) for part in PARTS}
        return {
            **{link: f"{at['toxiproxy']}:{port}" for link, port in LISTENERS.items()},
            "direct_edge": f"{at['service']}:8000",
            "direct_payments": f"{at['payments']}:8000",
            "direct_database": f"{at['postgres']}:5432",
            "direct_dsn": f"postgresql://lab@{at['postgres']}:5432/lab",
            "probe_database": "probe/lab",
        }

    def published(self) -> dict[str, str]:
        """As `lab.ports.Testbed.published`."""
        return {"edge": f"http://{LOOPBACK}:{self._ports.edge}", "toxiproxy": self._api}

    def collect(self, logs: Path) -> None:
        """Write the log of every part that was started into the folder `logs`."""
        for part in (*PARTS, SEED):
            with answering():
                for container in self._listed(part):
                    (logs / f"{part}.log").write_bytes(bytes(container.logs(timestamps=True)))

    def cpu_s(self) -> float | None:
        """CPU seconds of the service, None where they cannot be told."""
        return self._cpu()

    def limits(self) -> dict[str, dict[str, float]]:
        """What the engine holds each part to."""
        hosts = {part: self._containers[part].attrs["HostConfig"] for part in PARTS}
        return {
            part: {"cpus": host["NanoCpus"] / 1e9, "memory_bytes": host["Memory"]}
            for part, host in hosts.items()
        }

    def environments(self) -> dict[str, dict[str, str]]:
        """What each part found in its environment: its image's variables and those of compose.yaml."""
        return {
            part: dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
            for part, container in self._containers.items()
        }

    def ask(self, part: str, *command: str) -> str:
        """What `command` prints inside `part`."""
        with answering():
            printed: Any = self._containers[part].exec_run(list(command)).output
        return str(printed.decode().strip())

    @property
    def _api(self) -> str:
        return f"http://{LOOPBACK}:{self._ports.toxiproxy}"

    def _shortest_api(self) -> str:
        """Toxiproxy without Docker's proxy between, where this machine reaches its containers: faults have instants."""
        direct = f"http://{address(self._containers['toxiproxy'], self._network)}:8474"
        return direct if answers(f"{direct}/version") else self._api

    def _name(self, part: str) -> str:
        return f"{self._project}-{part}-1"

    def _compose_up(self) -> None:
        sizes = " ".join(f"--{name} {size}" for name, size in self._stack.sizes.items())
        env = docker_environment(
            **{RUN_MARK: self._stack.run},  # killed in the middle, healing ends this before what it has made
            **self._images.environment(),
            RUN=self._stack.run,
            TWIN=self._plan.name,
            SERVICE=self._plan.service,
            SERVICE_APP=self._workload.app(self._plan),
            DEFENCES=self._plan.defences,
            TOKEN=self._stack.token,
            SEED_SIZES=sizes,
            EDGE_PORT=str(self._ports.edge),
            TOXIPROXY_PORT=str(self._ports.toxiproxy),
        )
        compose = ("docker", "compose", "-f", str(COMPOSE_FILE), "-p", self._project)
        up = (*compose, "up", "--detach", "--no-build", "--pull", "never")
        try:
            output(up, timeout_s=UP_TIMEOUT_S, env=env)
        except LabError as error:
            raise LabError(
                f"The {self._plan.name} twin cannot be started. {error}{self._tail(SEED)}"
            ) from error

    def _await(self, part: str, ready: Callable[[], bool], give_up: float) -> None:
        """Return once `ready()`. Raises LabError when the container ends first, or when it takes too long."""
        while not ready():
            with answering():
                self._containers[part].reload()
            if self._containers[part].status != "running" or time.monotonic() > give_up:
                state = self._containers[part].status
                raise LabError(
                    f"The {self._plan.name} twin's {part} does not answer ({state}).{self._tail(part)}"
                )
            time.sleep(POLL_S)

    def _tail(self, part: str) -> str:
        with answering():
            last = [
                bytes(container.logs(tail=LOG_LINES)).decode().strip() for container in self._listed(part)
            ]
        return f" Its log ends: {last[0]}" if last and last[0] else ""

    def _listed(self, part: str) -> list[Container]:
        found = client().containers.list(
            all=True, ignore_removed=True, filters={"name": f"^/{self._name(part)}$"}
        )
        return list(found)


def healthy(container: Container) -> bool:
    """Ask what the container's own health check asks, now: older engines first look after a whole interval."""
    _kind, *command = container.attrs["Config"]["Healthcheck"]["Test"]
    try:
        return bool(container.exec_run(command).exit_code == 0)
    except APIError:  # it does not run
        return False


def answers(url: str) -> bool:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(url, timeout=ANSWER_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def address(container: Container, network: str) -> str:
    networks: Mapping[str, Any] = container.attrs["NetworkSettings"]["Networks"]
    return str(networks[network]["IPAddress"])
