"""A bench for proxies: an upstream that shows what reached it, a proxy in front of it, and raw calls to the API.

The API is called without the lab's own client, so that a fault of that one cannot hide one of the server.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = "127.0.0.1"
PATIENCE_S = 20.0


@dataclass
class Upstream:
    """An echo server. `received` is everything that arrived on any connection; without `answering` it keeps silent."""

    port: int
    received: bytearray = field(default_factory=bytearray)
    answering: bool = True
    reading: bool = True
    connections: list[socket.socket] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while self.reading and (data := connection.recv(65536)):
                self.received += data
                if self.answering:
                    connection.sendall(data)
            if self.reading:
                connection.close()


@contextmanager
def upstream() -> Iterator[Upstream]:
    listener = socket.create_server((LOOPBACK, 0))
    server = Upstream(listener.getsockname()[1])

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                server.connections.append(connection)
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()
        for connection in server.connections:
            connection.close()


@dataclass(frozen=True)
class ApiClient:
    """The HTTP API at a port, called plainly."""

    port: int

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and parsed answer, None where that is no JSON. A str is sent as it is, anything else as JSON."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE_S)
        try:
            content = body if isinstance(body, str) or body is None else json.dumps(body)
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, None


@dataclass
class Proxied:
    """A proxy called `name` in front of an upstream."""

    api: ApiClient
    name: str
    port: int
    upstream: Upstream
    clients: list[socket.socket] = field(default_factory=list)

    def connect(self) -> socket.socket:
        client = socket.create_connection((LOOPBACK, self.port), timeout=PATIENCE_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.clients.append(client)
        return client

    def connect_and_settle(self) -> socket.socket:
        """A connection that has carried a byte both ways, so that both its directions certainly exist."""
        client = self.connect()
        assert echoed(client, b"?") == b"?"
        self.upstream.received.clear()
        return client

    def add(self, type_: str, stream: str = "downstream", toxicity: float = 1.0, **attributes: int) -> str:
        """Add a toxic; returns its path."""
        name = f"{type_}-{secrets.token_hex(4)}"
        asked = {
            "name": name,
            "type": type_,
            "stream": stream,
            "toxicity": toxicity,
            "attributes": attributes,
        }
        status, echo = self.api.call("POST", f"/proxies/{self.name}/toxics", asked)
        assert (status, echo) == (200, asked | {"attributes": echo["attributes"] | attributes})
        return f"/proxies/{self.name}/toxics/{name}"

    def remove(self, toxic: str) -> None:
        assert self.api.call("DELETE", toxic) == (204, None)

    def patch(self, toxic: str, **body: object) -> None:
        assert self.api.call("PATCH", toxic, body)[0] == 200

    def enable(self, enabled: bool) -> None:
        assert self.api.call("PATCH", f"/proxies/{self.name}", {"enabled": enabled})[0] == 200


@contextmanager
def proxied(api: ApiClient) -> Iterator[Proxied]:
    """A fresh upstream with a fresh proxy before it."""
    name = f"p-{secrets.token_hex(4)}"
    with upstream() as server:
        asked = {"name": name, "listen": f"{LOOPBACK}:0", "upstream": f"{LOOPBACK}:{server.port}"}
        status, made = api.call("POST", "/proxies", asked)
        assert status == 201
        proxy = Proxied(api, name, int(made["listen"].rpartition(":")[2]), server)
        try:
            yield proxy
        finally:
            for client in proxy.clients:
                client.close()
            api.call("DELETE", f"/proxies/{name}")


def read(client: socket.socket, size: int) -> bytes:
    """`size` bytes, or what came before the end of file."""
    data = b""
    while len(data) < size and (more := client.recv(size - len(data))):
        data += more
    return data


def echoed(client: socket.socket, message: bytes) -> bytes:
    client.sendall(message)
    return read(client, len(message))


def silent(client: socket.socket, wait_s: float = 0.3) -> bool:
    """Whether nothing comes for a while, neither data nor an end."""
    client.settimeout(wait_s)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)
    return False


def ending(client: socket.socket) -> str:
    """How the connection ends: "eof" or "reset", data before it passed over."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        return "reset"
    return "eof"


def eventually(happened: Any) -> bool:
    """Whether `happened()` comes true in a while."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if happened():
            return True
        time.sleep(0.01)
    return False


def quickest_ms(action: Callable[[], object]) -> float:
    """The shortest time that `action` took: a busy machine only ever adds to it."""
    took = []
    for _ in range(5):
        watch = Stopwatch()
        action()
        took.append(watch.ms)
    return min(took)


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def ms(self) -> float:
        return (time.monotonic() - self._started) * 1000
