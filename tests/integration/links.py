"""A link through a real Toxiproxy, for tests that break it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.runtime.ports_free import LOOPBACK, Ports
from tests.integration.proxy_bench import ApiClient


@dataclass
class Link:
    """The link to a server: `port` is where to connect."""

    api: ApiClient
    name: str
    port: int

    @classmethod
    @contextmanager
    def through(cls, api: ApiClient, upstream: int) -> Iterator["Link"]:
        name, ports = f"link-{secrets.token_hex(4)}", Ports()
        port = ports.reserve()  # one that nobody is given by chance while the link is down
        asked = {"name": name, "listen": f"{LOOPBACK}:{port}", "upstream": f"{LOOPBACK}:{upstream}"}
        assert api.call("POST", "/proxies", asked)[0] == 201
        try:
            yield cls(api, name, port)
        finally:
            api.call("DELETE", f"/proxies/{name}")
            ports.release()

    @contextmanager
    def late_by(self, latency_ms: int) -> Iterator[None]:
        """In the block every answer comes that much later."""
        with self._with("latency", latency=latency_ms):
            yield

    @contextmanager
    def silent(self) -> Iterator[None]:
        """In the block neither an answer nor an error comes."""
        with self._with("timeout", timeout=0):
            yield

    @contextmanager
    def down(self) -> Iterator[None]:
        """In the block every connection is cut, and no new one is accepted."""
        assert self.api.call("PATCH", f"/proxies/{self.name}", {"enabled": False})[0] == 200
        try:
            yield
        finally:
            assert self.api.call("PATCH", f"/proxies/{self.name}", {"enabled": True})[0] == 200

    @contextmanager
    def _with(self, kind: str, **attributes: int) -> Iterator[None]:
        toxic = {"name": "t", "type": kind, "stream": "downstream", "attributes": attributes}
        assert self.api.call("POST", f"/proxies/{self.name}/toxics", toxic)[0] == 200
        try:
            yield
        finally:
            assert self.api.call("DELETE", f"/proxies/{self.name}/toxics/t")[0] == 204
