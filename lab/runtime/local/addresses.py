"""The ports of one twin on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.model import SERVICE, WORKER, Topology
from lab.runtime.ports_free import LOOPBACK, Ports


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """A port for each member of a part that listens, one for Toxiproxy's API, and one for the proxy of each link."""

    servers: Mapping[str, tuple[int, ...]]
    toxiproxy: int
    proxies: Mapping[str, int]

    @classmethod
    def reserved(cls, topology: Topology, ports: Ports) -> Addresses:
        parts = [part for part in dict.fromkeys((SERVICE, *topology.parts)) if part != WORKER]
        return cls(
            servers={part: tuple(ports.reserve() for _ in topology.members(part)) for part in parts},
            toxiproxy=ports.reserve(),
            proxies={link: ports.reserve() for link in topology.links},
        )

    @property
    def api(self) -> str:
        return f"http://{host_port(self.toxiproxy)}"

    @property
    def links(self) -> Mapping[str, str]:
        """host:port of each link, for its users."""
        return {link: host_port(port) for link, port in self.proxies.items()}


def host_port(port: int) -> str:
    return f"{LOOPBACK}:{port}"
