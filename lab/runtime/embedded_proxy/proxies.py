"""A proxy: a listener on loopback, an upstream address, and the connections between them."""

from __future__ import annotations

import asyncio

from lab.runtime.embedded_proxy.links import CHUNK_BYTES_MAX, Link, reset_on_close
from lab.runtime.embedded_proxy.toxics import Toxic

UPSTREAM, DOWNSTREAM = "upstream", "downstream"
BACKLOG = 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Proxy:
    """Its toxics are in the order in which they were added."""

    def __init__(self, name: str, listen: str, upstream: str) -> None:
        self.name = name
        self.listen = resolved(listen)
        self.upstream = upstream
        self.enabled = False
        self.toxics: list[Toxic] = []
        self._server: asyncio.Server | None = None
        self._links: dict[Link, str] = {}
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; nothing where it does already. Raises OSError where the address cannot be had."""
        if self.enabled:
            return
        host, port = split(self.listen)
        self._server = await asyncio.start_server(
            self._accept, host, port, backlog=BACKLOG, limit=CHUNK_BYTES_MAX
        )
        bound = self._server.sockets[0].getsockname()
        self.listen = f"{host}:{bound[1]}"
        self.enabled = True

    def stop(self) -> None:
        """Refuse new connections and close both ends of those that are there."""
        self.enabled = False
        if self._server:
            self._server.close()
            self._server = None
        for link in self._links:
            link.kill()
        for writer in self._writers:
            writer.transport.abort()
        self._links.clear()
        self._writers.clear()

    async def add(self, toxic: Toxic) -> None:
        self.toxics.append(toxic)
        await asyncio.gather(*(link.add(toxic) for link in self._in(toxic.stream)))

    async def update(self, toxic: Toxic) -> None:
        await asyncio.gather(*(link.update(toxic) for link in self._in(toxic.stream)))

    async def remove(self, toxic: Toxic) -> None:
        self.toxics.remove(toxic)
        await asyncio.gather(*(link.remove(toxic) for link in self._in(toxic.stream)))

    def _in(self, stream: str) -> list[Link]:
        return [link for link, direction in self._links.items() if direction == stream.lower()]

    async def _accept(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Dial the upstream; where it refuses, the client sees an end of file."""
        self._writers.add(client)
        try:
            host, port = split(self.upstream)
            server_reader, server = await asyncio.open_connection(host, port, limit=CHUNK_BYTES_MAX)
        except (OSError, ValueError):
            self._writers.discard(client)
            client.close()
            return
        if client not in self._writers:  # the proxy went down meanwhile
            server.transport.abort()
            return
        self._writers.add(server)
        self._connect(UPSTREAM, client_reader, client, server)
        self._connect(DOWNSTREAM, server_reader, server, client)

    def _connect(
        self,
        stream: str,
        reader: asyncio.StreamReader,
        source: asyncio.StreamWriter,
        sink: asyncio.StreamWriter,
    ) -> None:
        toxics = [toxic for toxic in self.toxics if toxic.stream.lower() == stream]
        if any(toxic.type == "reset_peer" for toxic in toxics):
            reset_on_close(source)
            reset_on_close(sink)
        sink.transport.set_write_buffer_limits(high=0)  # back-pressure at once, nothing lost at a close

        def ended(link: Link) -> None:
            self._links.pop(link, None)
            self._writers.discard(sink)

        self._links[Link(reader, sink, toxics, ended)] = stream


def split(address: str) -> tuple[str, int]:
    """Host and port of "host:port". Raises ValueError where it is none."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def resolved(listen: str) -> str:
    """`listen` with its host as a number. Raises ValueError for any but loopback: the lab serves this machine only."""
    host, port = split(listen or "127.0.0.1:0")
    if host and host not in LOOPBACK:
        raise ValueError(f"listen on 127.0.0.1, not on {host}")
    return f"127.0.0.1:{port}"
