"""A twin's Compose project: the names in it, and the two command lines that start it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.model import (
    BALANCER,
    CACHE,
    POSTGRES,
    QUEUE,
    SERVICE,
    WORKER,
    LabError,
    Proxy,
    Stack,
    Topology,
    TwinPlan,
)
from lab.runtime.containers.images import COMPOSE, Images
from lab.runtime.docker_client import docker_environment
from lab.runtime.ownership.ledger import RUN_MARK
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.settings import balancer_environment, roles_environment, server_options, service_urls
from lab.workload import Workload

# Ports inside the network; those of the proxies are in compose/toxiproxy.json.
PROXIES = {"edge": 8000, "database": 5432, "payments": 8001, "cache": 6379, "queue": 4222}
FILES = (COMPOSE / "twin.yaml", COMPOSE / "run.yaml")
ROUTES = COMPOSE / "toxiproxy.json"
MOUNTED = ("pg_hba.conf", "toxiproxy.json", "Caddyfile", "valkey.conf", "nats.conf")  # by twin.yaml
READABLE = 0o444
SERVICE_PORT = 8000
SEED, TOXIPROXY = "seed", "toxiproxy"  # beside the parts of a topology
PROFILES = (CACHE, QUEUE, WORKER)  # the balancer's comes later
UP_TIMEOUT_S = 120.0
Run = Callable[..., str]  # as `lab.runtime.programs.output`


@dataclass(frozen=True, kw_only=True)
class Published:
    """The loopback ports of a twin's edge and of its Toxiproxy's API."""

    edge: int
    toxiproxy: int


@dataclass(frozen=True, kw_only=True)
class Project:
    """Everything that Compose must know about one twin."""

    plan: TwinPlan
    stack: Stack
    workload: Workload
    images: Images
    published: Published

    @property
    def name(self) -> str:
        return f"failure-lab-{self.stack.run}-{self.plan.name}".lower()

    @property
    def api(self) -> str:
        return f"http://{LOOPBACK}:{self.published.toxiproxy}"

    def for_people(self) -> dict[str, str]:
        """As `lab.ports.Testbed.published`."""
        found = {"edge": f"http://{LOOPBACK}:{self.published.edge}", "toxiproxy": self.api}
        if POSTGRES in self.stack.topology.parts:
            # By the socket inside, which asks for no password: who gets there may use Docker.
            found["psql"] = (
                f"docker exec -it {self.container(POSTGRES)} psql -h /var/run/postgresql -U lab lab"
            )
        return found

    @property
    def network(self) -> str:
        """The twin's own, from which nothing leads outside."""
        return f"{self.name}_twin"

    @property
    def networks(self) -> tuple[str, ...]:
        """The twin's own network, and the one through which its ports are published."""
        return (self.network, f"{self.name}_door")

    def container(self, part: str, member: str = "1") -> str:
        return f"{self.name}-{part}-{member}"

    def up(self, run: Run) -> None:
        """Have `run` start everything but the balancer. Raises LabError with the output of Compose."""
        if WORKER in self.stack.topology.parts and not self.workload.worker:
            raise LabError(f"The workload {self.workload.name} has no worker: remove it from the topology.")
        make_readable()
        profiles = [part for part in PROFILES if part in self.stack.topology.parts]
        self._compose(run, profiles, "up", "--scale", f"{SERVICE}={self.stack.topology.replicas}")

    def balance(self, run: Run, replicas: Sequence[str]) -> None:
        """Have `run` start the balancer before `replicas` (host:port), which answer by now."""
        upstreams = balancer_environment(self.stack.topology.balancing, replicas)
        told = {f"LAB_BALANCER_{name}": value for name, value in upstreams.items()}
        self._compose(run, [BALANCER], "up", "--no-deps", BALANCER, **told)

    def _compose(self, run: Run, profiles: Iterable[str], verb: str, *arguments: str, **extra: str) -> None:
        options = [word for profile in profiles for word in ("--profile", profile)]
        files = [word for file in (*FILES, "-") for word in ("-f", str(file))]
        detached = ("--detach", "--no-build", "--pull", "never")
        command = ("docker", "compose", *files, "-p", self.name, *options, verb, *detached, *arguments)
        more = particulars(self.stack.topology, self.workload)
        run(command, timeout_s=UP_TIMEOUT_S, env=self._environment(**extra), text=more)

    def _environment(self, **extra: str) -> Mapping[str, str]:
        topology = self.stack.topology
        sizes = " ".join(f"--{name} {size}" for name, size in self.stack.sizes.items())
        proxies = {link: f"toxiproxy:{PROXIES[link]}" for link in topology.links}
        return docker_environment(
            **{RUN_MARK: self.stack.run},  # a label, and for healing, which ends this process first
            **self.images.environment(),
            **service_urls(proxies, self.stack.secrets),
            **{f"LAB_{name}": value for name, value in roles_environment(self.stack.secrets).items()},
            LAB_TWIN=self.plan.name,
            LAB_SCHEMA=self.plan.service,
            LAB_APP=self.workload.app(self.plan),
            LAB_SERVICE_ALIAS="replica" if BALANCER in topology.parts else "front",
            LAB_SERVER_OPTIONS=" ".join(server_options(topology.profile)),
            LAB_DEFENCES=self.plan.defences,
            LAB_TOKEN_KEY=self.stack.secrets.token_key,
            LAB_STORES_PASSWORD=self.stack.secrets.stores,
            LAB_SEED_OPTIONS=sizes,
            LAB_EDGE_PORT=str(self.published.edge),
            LAB_TOXIPROXY_PORT=str(self.published.toxiproxy),
            **extra,
        )


def make_readable() -> None:
    """Let the users of the containers read what is mounted: under a narrow umask, git makes it for its owner alone."""
    for file in (COMPOSE / name for name in MOUNTED):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & READABLE == READABLE:
            continue
        try:
            file.chmod(mode | READABLE)
        except OSError as error:
            raise LabError(
                f"The containers cannot read {file}, which is not yours to change ({error.strerror}). "
                f"Its owner can: chmod a+r {file}"
            ) from error


def routes() -> Mapping[str, Proxy]:
    """The proxies that every twin has, by name."""
    found = json.loads(ROUTES.read_text())
    return {proxy["name"]: Proxy(listen=proxy["listen"], upstream=proxy["upstream"]) for proxy in found}


def particulars(topology: Topology, workload: Workload) -> str:
    """One more Compose file, for settings of this twin that variables cannot express."""
    services: dict[str, dict[str, object]] = {}
    if WORKER in topology.parts:
        services[WORKER] = {"command": ["python", *workload.worker]}
    for part, wanted in topology.limits.items():
        memory = wanted.memory_bytes
        bounds = {"cpus": wanted.cpus, "mem_limit": memory, "memswap_limit": memory}
        services.setdefault(part, {}).update(
            {name: value for name, value in bounds.items() if value is not None}
        )
    return json.dumps({"services": services})
