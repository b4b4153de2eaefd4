"""The docker testbed: one Compose project per twin; load and probes in containers on the twin's own network."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from lab.model import BALANCER, CACHE, QUEUE, Capability, LabError, MachineSample, Stack, TwinPlan, Unhealed
from lab.ports import Child, Journal
from lab.runtime.containers import real_time
from lab.runtime.containers.engine import (
    answering,
    available,
    client,
    compose_version,
    ping,
    remove_leftovers,
)
from lab.runtime.containers.images import SERVERS, Images, build_images, images_present, pinned
from lab.runtime.containers.project import Project, Published
from lab.runtime.containers.servers import Spending, environments_of, limits_of
from lab.runtime.containers.twin import DockerTwin
from lab.runtime.docker_client import engine_address
from lab.runtime.ownership.engine import emptied
from lab.runtime.ports_free import Ports
from lab.runtime.testbed import PACKAGES, Twins
from lab.runtime.toxiproxy.client import Toxiproxy
from lab.workload import Workload

__all__ = ["DockerTestbed", "available", "build_images", "images_present", "remove_leftovers"]

OFFERED = frozenset(
    {
        Capability.LINK,
        Capability.SESSIONS,
        Capability.LOAD,
        Capability.KILL,
        Capability.STOP,
        Capability.PAUSE,
        Capability.CPU_LIMIT,
        Capability.MEMORY_LIMIT,
        Capability.DESCRIPTOR_LIMIT,
        Capability.BALANCER,
        Capability.CACHE,
        Capability.QUEUE,
        Capability.BOUNDS,
    }
)
END_TIMEOUT_S = 10.0  # of what was going on when a start was broken off
# How each server tells its version.
VERSIONS = {
    BALANCER: ("caddy", "version"),
    CACHE: ("valkey-server", "--version"),
    QUEUE: ("/nats-server", "--version"),
}


class DockerTestbed(Twins[DockerTwin]):
    """`lab.ports.Testbed` with containers. Everything it owns is in the ledger below `state_dir`, and labelled."""

    runtime = "docker"

    def __init__(self, stack: Stack, workload: Workload, state_dir: Path) -> None:
        super().__init__(stack, workload, state_dir)
        self._spending = Spending()
        self._starting: list[Future[None]] = []  # one for each twin

    def offers(self) -> Mapping[Capability, str]:
        told = {
            capability: "" if capability in OFFERED else "the docker runtime cannot do that yet"
            for capability in Capability
        }
        if os.geteuid() != 0:
            told[Capability.DESCRIPTOR_LIMIT] = (
                "only root can count the descriptors of a container's processes"
            )
        return told

    def up(self, journal: Journal) -> None:
        """Start everything, all twins side by side. After a failure, logs stay readable until `down`.

        A failure or an interrupt stops all twins at once: nothing is started any more.
        """
        self._journal = journal
        images = build_images(self._stack.topology)  # does nothing unless a source was edited just now
        ledger = self._guarded()
        ledger.on_engine(engine_address().host)
        ports = self._free_ports()
        self._twins = {
            plan.name: DockerTwin(
                self._project(plan, images, ports[plan.name]),
                ledger,
                self._telling(plan.name),
            )
            for plan in self._stack.twins
        }
        self._bring_up(journal)
        self._facts = self._learn(images)
        self._stand()

    def check(self) -> None:
        ping()

    def look(self) -> MachineSample | None:
        containers = [
            container
            for twin in self._twins.values()
            for members in (*twin.containers.values(), twin.programs)
            for container in members
        ]
        return self._machine.look(self._spending.total_s(containers))

    def down(self) -> None:
        """Remove everything that `up` and `spawn` started; harmless if there is nothing.

        Looks until nothing is found: the engine still finishes what a killed Compose asked for. Raises Unhealed where
        something may be left; then the ledger and its guardian stay.
        """
        if self._ledger is None:
            return
        self._stop()
        ended = not wait(self._starting, END_TIMEOUT_S).not_done
        if coming := emptied(lambda: (remove_leftovers(self._stack.run), [])).coming:
            raise self._left("Docker keeps recreating parts of it; the last look " + ", ".join(coming))
        if not ended:
            raise self._left("a twin is still being started")
        self._let_go()

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        (folder / f"{name}.config.json").write_text(json.dumps(config, indent=1))
        return self._twins[twin].spawn(module, folder.resolve(), name)

    def _bring_up(self, journal: Journal) -> None:
        with ThreadPoolExecutor(max_workers=len(self._twins), thread_name_prefix="up") as threads:
            try:
                for twin in self._twins.values():
                    self._starting.append(threads.submit(twin.up, journal))
                for started in self._starting:
                    started.result()
            except BaseException:
                self._stop()  # now, so that the threads end too
                raise

    def _left(self, why: str) -> Unhealed:
        stand = "bin/lab down, then bin/lab heal" if self._stack.linger else "bin/lab heal"
        return Unhealed(f"Not all of {self._stack.run} is gone: {why}. Remove what is left: {stand}")

    def _stop(self) -> None:
        for twin in self._twins.values():
            twin.stop()

    def _project(self, plan: TwinPlan, images: Images, ports: Published) -> Project:
        return Project(plan=plan, stack=self._stack, workload=self._workload, images=images, published=ports)

    def _free_ports(self) -> dict[str, Published]:
        """Ports that are free now; released, so that the engine can take them."""
        ports = Ports()
        try:
            return {
                plan.name: Published(edge=ports.reserve(), toxiproxy=ports.reserve())
                for plan in self._stack.twins
            }
        finally:
            ports.release()

    def _learn(self, images: Images) -> dict[str, Any]:
        """Versions of every part, and the limits of a twin, for the manifest; the same for all twins."""
        twin = next(iter(self._twins.values()))
        with answering():
            engine = client().version()["Version"]
        return {
            "runtime": self.runtime,
            "engine": "toxiproxy",
            "toxiproxy": Toxiproxy(twin.published()["toxiproxy"]).version(),
            "postgres": twin.ask("postgres", "postgres", "--version").split()[2],
            **{
                SERVERS[part]: version(part, twin.ask(part, *command))
                for part, command in VERSIONS.items()
                if part in twin.parts
            },
            "python": twin.ask("service", "python", "--version").split()[1],
            **pinned(PACKAGES),
            "docker": engine,
            "compose": compose_version(),
            "images": dict(images.references),
            "environment": json.loads(
                self._stack.secrets.left_out_of(json.dumps(environments_of(twin.containers)))
            ),
            "limits": limits_of(twin.containers),
            "advice": real_time.advice(),
        }


def version(part: str, said: str) -> str:
    """The version number in what `part` said."""
    found = re.search(r"\d+\.\d+\.\d+", said)
    if found is None:
        raise LabError(
            f"The {part} reported no version, but {said[:200]!r}. Fetch the images again: "
            "bin/lab prefetch --runtime docker"
        )
    return found.group()
