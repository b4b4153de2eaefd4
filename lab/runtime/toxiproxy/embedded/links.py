"""One direction of one connection: reader → chain of toxics → writer, with a bounded channel between any two.

The chain changes in flight: a toxic is added behind the last, and its neighbour restarts; when one is removed, what it
holds goes out at once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from lab.runtime.toxiproxy.embedded.toxics import Chunk, Toxic

CHUNK_BYTES_MAX = 32 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: wait 0 s for the peer, then reset


class Channel:
    """Chunks between one giver and one taker. `push` never waits, so an interrupted toxic can release what it holds."""

    def __init__(self, limit: int = 1) -> None:
        self.chunks: deque[Chunk] = deque()
        self.closed = False
        self._limit = limit
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    @property
    def full(self) -> bool:
        return len(self.chunks) >= self._limit

    def push(self, chunk: Chunk) -> None:
        if chunk.data:
            self.chunks.append(chunk)
            self._filled.set()

    def close(self) -> None:
        self.closed = True
        self._filled.set()

    async def pull(self) -> Chunk | None:
        """The next chunk; None once the channel is closed and empty."""
        while not self.chunks:
            if self.closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        self.wake()
        return self.chunks.popleft()

    async def room(self) -> None:
        """Return when something was taken or `wake` was called."""
        self._emptied.clear()
        await self._emptied.wait()

    def wake(self) -> None:
        self._emptied.set()


class Giver:
    """Something that feeds a channel: the reader of a link, or a stub. `output` may change while it waits."""

    def __init__(self, output: Channel) -> None:
        self.output = output

    async def give(self, chunk: Chunk, rest: Chunk | None = None) -> None:  # noqa: ARG002  # for those who hold
        while self.output.full:
            await self.output.room()
        self.output.push(chunk)


class Stub(Giver):
    """A place in the chain in which a toxic runs."""

    def __init__(self, toxic: Toxic, source: Channel, output: Channel) -> None:
        super().__init__(output)
        self.toxic = toxic
        self.source = source
        self.passed_bytes = 0
        self._held: tuple[Chunk, ...] = ()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def interrupt(self) -> None:
        """Stop the toxic; what it holds goes out now."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for chunk in self._held:
            self.output.push(chunk)
        self._held = ()

    def kill(self) -> None:
        """The link has ended: nothing takes its output any more."""
        if self._task:
            self._task.cancel()

    async def take(self) -> Chunk | None:
        chunk = await self.source.pull()
        self._held = (chunk,) if chunk else ()
        return chunk

    async def give(self, chunk: Chunk, rest: Chunk | None = None) -> None:
        left = (rest,) if rest else ()
        self._held = (chunk, *left)
        await super().give(chunk)
        self._held = left

    def drop(self) -> None:
        self._held = ()

    async def _run(self) -> None:
        await self.toxic.run(self)
        self.output.close()


class Link:
    """One direction. `toxics` are those of the proxy in this direction, in order; `ended` is called at the end."""

    def __init__(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        toxics: Iterable[Toxic],
        ended: Callable[[Link], None],
    ) -> None:
        self._source, self._sink, self._ended = source, sink, ended
        self._tail = Channel()
        self._reader = Giver(self._tail)
        self._stubs: list[Stub] = []
        for toxic in toxics:
            self._append(toxic).start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read()), loop.create_task(self._write())]

    async def add(self, toxic: Toxic) -> None:
        """Append `toxic`; what its neighbour holds bypasses it."""
        neighbour = self._stubs[-1] if self._stubs else None
        if neighbour:
            await neighbour.interrupt()
        self._append(toxic).start()
        if neighbour:
            neighbour.start()

    async def update(self, toxic: Toxic) -> None:
        """Restart `toxic` with its current attributes."""
        for stub in self._stubs:
            if stub.toxic is toxic:
                await stub.interrupt()
                stub.start()

    async def remove(self, toxic: Toxic) -> None:
        """Remove `toxic`; what it and the channel before it hold goes out at once."""
        for place, stub in enumerate(self._stubs):
            if stub.toxic is toxic:
                if toxic.type == "timeout":
                    stub.kill()
                    stub.output.close()  # the stream has a gap: nobody may read on
                else:
                    await stub.interrupt()
                    await self._splice_out(place)
                return

    def kill(self) -> None:
        """Stop at once; the caller closes the sockets."""
        for stub in self._stubs:
            stub.kill()
        for task in self._tasks:
            task.cancel()

    def _append(self, toxic: Toxic) -> Stub:
        giver = self._stubs[-1] if self._stubs else self._reader
        stub = Stub(toxic, Channel(toxic.kind.buffer), giver.output)
        stub.source.closed = giver.output.closed
        giver.output = stub.source
        self._stubs.append(stub)
        return stub

    async def _splice_out(self, place: int) -> None:
        stub, neighbour = self._stubs.pop(place), self._stubs[place - 1] if place else None
        if neighbour:
            await neighbour.interrupt()
        while stub.source.chunks:
            stub.output.push(stub.source.chunks.popleft())
        if stub.source.closed:
            stub.output.close()
        (neighbour or self._reader).output = stub.output
        stub.source.wake()
        if neighbour:
            neighbour.start()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await self._source.read(CHUNK_BYTES_MAX):
                await self._reader.give(Chunk(data, loop.time()))
        self._reader.output.close()

    async def _write(self) -> None:
        with suppress(OSError):
            while chunk := await self._tail.pull():
                self._sink.write(chunk.data)
                await self._sink.drain()
        # A full close, as Toxiproxy does: the other direction's reader ends too.
        self._sink.close()
        self._ended(self)
        self.kill()


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    """Make the socket of `writer` answer its close with a reset instead of an end of file."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
