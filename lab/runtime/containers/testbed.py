"""The docker testbed: one Compose project per twin; load and probes in containers on the twin's own network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab.model import Capability
from lab.ports import Child, Journal
from lab.runtime.containers.engine import answering, available, client, compose_version, remove_leftovers
from lab.runtime.containers.images import Images, build_images, images_present, pinned
from lab.runtime.containers.twin import DockerTwin, Published
from lab.runtime.ports_free import Ports
from lab.runtime.testbed import PACKAGES, Twins
from lab.runtime.toxiproxy.client import Toxiproxy

__all__ = ["DockerTestbed", "available", "build_images", "images_present", "remove_leftovers"]


OFFERED = frozenset({Capability.LINK, Capability.SESSIONS, Capability.LOAD})


class DockerTestbed(Twins[DockerTwin]):
    """`lab.ports.Testbed` with containers. What it owns is in the ledger below `state_dir`, and labelled."""

    runtime = "docker"

    def offers(self) -> Mapping[Capability, str]:
        return {
            capability: "" if capability in OFFERED else "the docker runtime cannot do that yet"
            for capability in Capability
        }

    def up(self, journal: Journal) -> None:
        """Start everything, both twins side by side. After a failure logs stay readable until `down`."""
        self._journal = journal
        images = build_images()  # nothing to do, but where a source was edited just now
        ledger = self._guarded()
        ports = self._free_ports()
        self._twins = {
            plan.name: DockerTwin(plan, self._stack, self._workload, images, ports[plan.name], ledger)
            for plan in self._stack.twins
        }
        with ThreadPoolExecutor(max_workers=len(self._twins), thread_name_prefix="up") as threads:
            for started in [threads.submit(twin.up) for twin in self._twins.values()]:
                started.result()
        self._facts = self._learn(images)
        self._stand()

    def down(self) -> None:
        """Remove all that `up` and `spawn` started; harmless when there is nothing."""
        if self._ledger is None:
            return
        remove_leftovers(self._stack.run)
        self._let_go()

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        (folder / f"{name}.config.json").write_text(json.dumps(config, indent=1))
        return self._twins[twin].spawn(module, folder.resolve(), name)

    def _free_ports(self) -> dict[str, Published]:
        """Ports that are free now: from here on the engine has to be able to take them."""
        ports = Ports()
        try:
            return {
                plan.name: Published(edge=ports.reserve(), toxiproxy=ports.reserve())
                for plan in self._stack.twins
            }
        finally:
            ports.release()

    def _learn(self, images: Images) -> dict[str, Any]:
        """Versions of every part, and what bounds a twin, for the manifest. Both twins are made of the same."""
        twin = next(iter(self._twins.values()))
        with answering():
            engine = client().version()["Version"]
        return {
            "runtime": self.runtime,
            "engine": "toxiproxy",
            "toxiproxy": Toxiproxy(twin.published()["toxiproxy"]).version(),
            "postgres": twin.ask("postgres", "postgres", "--version").split()[2],
            "python": twin.ask("service", "python", "--version").split()[1],
            **pinned(PACKAGES),
            "docker": engine,
            "compose": compose_version(),
            "images": vars(images),
            "environment": twin.environments(),
            "limits": twin.limits(),
        }
