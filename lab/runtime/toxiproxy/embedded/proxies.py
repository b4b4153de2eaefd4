"""A proxy: a listener on loopback, an upstream address, and the connections between them."""

from __future__ import annotations

import asyncio
import errno
import socket

from lab.runtime.toxiproxy.embedded.links import CHUNK_BYTES_MAX, Link, reset_on_close
from lab.runtime.toxiproxy.embedded.toxics import Toxic

UPSTREAM, DOWNSTREAM = "upstream", "downstream"
BACKLOG = 1024
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PAUSE_S = 0.1
# What people write into a toxiproxy.json to be reached at all; "every address" is loopback here.
ACCEPTED = ("", "127.0.0.1", "localhost", "::1", "[::1]", "0.0.0.0", "::", "[::]")  # noqa: S104


class Proxy:
    """Toxics are in the order in which they were added."""

    def __init__(self, name: str, listen: str, upstream: str) -> None:
        self.name = name
        self.listen = resolved(listen)
        self.upstream = upstream
        self.toxics: list[Toxic] = []
        self._listener: socket.socket | None = None
        self._dialling: set[asyncio.Task[None]] = set()
        self._links: dict[Link, str] = {}
        self._writers: set[asyncio.StreamWriter] = set()

    def start(self) -> None:
        """Start listening, unless it already does. Raises OSError if the address is not available."""
        if self._listener:
            return
        host, port = split(self.listen)
        self._listener = socket.create_server((host, port), backlog=BACKLOG)
        self._listener.setblocking(False)
        self._accept_from(self._listener)
        self.listen = f"{host}:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        """Refuse new connections and close both ends of existing ones."""
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for task in self._dialling:
            task.cancel()
        for link in self._links:
            link.kill()
        for writer in self._writers:
            writer.transport.abort()
        self._links.clear()
        self._writers.clear()

    @property
    def enabled(self) -> bool:
        return self._listener is not None

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

    def _accept_from(self, listener: socket.socket) -> None:
        if listener is self._listener:  # it has not been closed meanwhile
            # Not asyncio's own server: if closed while it accepts, it leaves that connection open for ever.
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, _ = listener.accept()
        except OSError as error:
            if (
                error.errno in EXHAUSTED
            ):  # whoever waits stays: without a pause the loop would do nothing else
                loop.remove_reader(listener)
                loop.call_later(PAUSE_S, self._accept_from, listener)
            return
        task = loop.create_task(self._serve(connection))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Connect to the upstream; if it refuses, the client sees an end of file."""
        connection.setblocking(False)
        # As Go does, and asyncio for connections that it makes itself: else an answer in two pieces takes 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client_reader, client = await asyncio.open_connection(sock=connection, limit=CHUNK_BYTES_MAX)
        try:
            host, port = split(self.upstream)
            server_reader, server = await asyncio.open_connection(host, port, limit=CHUNK_BYTES_MAX)
        except (OSError, ValueError, asyncio.CancelledError):
            client.transport.abort()
            return
        self._writers |= {client, server}
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
    """Host and port of "host:port". Raises ValueError if it is not one."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def resolved(listen: str) -> str:
    """`listen` on loopback, for the lab serves this machine only. Raises ValueError for an address of another one."""
    host, port = split(listen or "127.0.0.1:0")
    if host not in ACCEPTED:
        raise ValueError(f"listen on 127.0.0.1, not on {host}")
    return f"127.0.0.1:{port}"
