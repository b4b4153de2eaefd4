"""What each toxic does to the chunks of one direction of one connection, as Toxiproxy 2.12 does it.

A chunk is what one read returned, with the time of its arrival: neither a packet nor a request. A toxic runs in a
`Stub` and is interrupted by cancelling it wherever it waits; the chunk that it holds then goes out at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

SLICE_S = 0.1  # the bandwidth toxic sends no more at once than takes this long


@dataclass(frozen=True)
class Chunk:
    data: bytes
    arrived: float  # on the event loop's clock


class Stub(Protocol):
    """A place in the chain, as a toxic sees it."""

    passed_bytes: int

    async def take(self) -> Chunk | None:
        """The next chunk, which the stub holds from now on; None at the end of the stream, every time."""
        ...

    async def give(self, chunk: Chunk, rest: Chunk | None = None) -> None:
        """Pass `chunk` on and keep only `rest`. Waits while the next in the chain is full."""
        ...

    def drop(self) -> None:
        """Drop what was taken: it is lost."""
        ...


Attributes = dict[str, int]
Pipe = Callable[[Stub, Attributes], Awaitable[None]]  # returns when the link is to be closed


async def noop(stub: Stub, _: Attributes) -> None:
    while chunk := await stub.take():
        await stub.give(chunk)


async def latency(stub: Stub, attributes: Attributes) -> None:
    """Counts from the arrival, so that chunks queued behind another are not delayed twice."""
    while chunk := await stub.take():
        delay_ms, jitter_ms = attributes["latency"], attributes["jitter"]
        if jitter_ms > 0:
            delay_ms += random.randrange(2 * jitter_ms) - jitter_ms
        due = chunk.arrived + delay_ms / 1000
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        await stub.give(replace(chunk, arrived=max(due, chunk.arrived)))


async def bandwidth(stub: Stub, attributes: Attributes) -> None:
    """A rate of 0 stalls without losing anything: nothing is taken while the first chunk waits."""
    loop = asyncio.get_running_loop()
    owed_s = 0.0
    while chunk := await stub.take():
        rate_bytes_s = max(attributes["rate"], 0) * 1000
        slice_bytes = int(rate_bytes_s * SLICE_S)
        owed_s = owed_s + len(chunk.data) / rate_bytes_s if rate_bytes_s else 0.0
        while len(chunk.data) > slice_bytes:
            await asyncio.sleep(SLICE_S)
            owed_s -= SLICE_S
            if slice_bytes:
                head, chunk = cut(chunk, slice_bytes)
                await stub.give(head, rest=chunk)
        started = loop.time()
        await asyncio.sleep(owed_s)
        owed_s -= loop.time() - started  # a sleep is never exact: the error is added to the next one
        await stub.give(chunk)


async def slow_close(stub: Stub, attributes: Attributes) -> None:
    await noop(stub, attributes)
    await asyncio.sleep(attributes["delay"] / 1000)


async def timeout(stub: Stub, attributes: Attributes) -> None:
    """Swallows everything; closes when nothing has come for that long. 0 never closes."""
    idle_s = attributes["timeout"] / 1000 or None
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(idle_s):
                if await stub.take() is None:
                    return
            stub.drop()


async def reset_peer(stub: Stub, attributes: Attributes) -> None:
    """Swallows the first chunk and closes; the sockets of the link were told to reset instead of finishing."""
    await stub.take()
    stub.drop()
    # Once data is lost the stream cannot go on: an interruption closes at once.
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(attributes["timeout"] / 1000)


async def slicer(stub: Stub, attributes: Attributes) -> None:
    while chunk := await stub.take():
        for size in sliced(len(chunk.data), attributes["average_size"], attributes["size_variation"]):
            head, chunk = cut(chunk, size)
            await stub.give(head, rest=chunk)
            await asyncio.sleep(attributes["delay"] / 1_000_000)


def sliced(size: int, average: int, variation: int) -> list[int]:
    """Sizes that add up to `size`: halved, give or take `variation`, until they are small enough."""
    if size - average <= variation or average < 1 or variation >= average:
        return [size]
    half = size // 2 + (random.randrange(2 * variation) - variation if variation > 0 else 0)
    return sliced(half, average, variation) + sliced(size - half, average, variation)


async def limit_data(stub: Stub, attributes: Attributes) -> None:
    """The count survives an interruption: the stub keeps it."""
    while chunk := await stub.take():
        head, _ = cut(chunk, max(attributes["bytes"] - stub.passed_bytes, 0))
        stub.passed_bytes += len(head.data)
        await stub.give(head)
        if stub.passed_bytes >= attributes["bytes"]:
            return


def cut(chunk: Chunk, size: int) -> tuple[Chunk, Chunk]:
    """The first `size` bytes, and the rest."""
    return replace(chunk, data=chunk.data[:size]), replace(chunk, data=chunk.data[size:])


@dataclass(frozen=True)
class Kind:
    """A type of toxic. `buffer` is how many chunks may queue before it; 1 is as good as none."""

    pipe: Pipe
    attributes: tuple[str, ...] = ()
    buffer: int = 1


KINDS: Mapping[str, Kind] = {
    "noop": Kind(noop),
    "latency": Kind(latency, ("latency", "jitter"), buffer=1024),
    "bandwidth": Kind(bandwidth, ("rate",)),
    "slow_close": Kind(slow_close, ("delay",)),
    "timeout": Kind(timeout, ("timeout",)),
    "reset_peer": Kind(reset_peer, ("timeout",)),
    "slicer": Kind(slicer, ("average_size", "size_variation", "delay")),
    "limit_data": Kind(limit_data, ("bytes",)),
}


@dataclass(eq=False)
class Toxic:
    """A toxic of a proxy. Its attributes and toxicity may be patched while stubs run it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Attributes = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return KINDS[self.type]

    async def run(self, stub: Stub) -> None:
        """Act on one direction of one connection, or not at all: chance decides (`toxicity`)."""
        pipe = self.kind.pipe if random.random() < self.toxicity else noop
        await pipe(stub, self.attributes)
