"""The parts of the embedded proxy that the conformance suite cannot see from outside."""

import asyncio
import errno
import resource
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.runtime.toxiproxy.embedded import proxies
from lab.runtime.toxiproxy.embedded.__main__ import allow_descriptors
from lab.runtime.toxiproxy.embedded.links import Channel, Stub
from lab.runtime.toxiproxy.embedded.proxies import EXHAUSTED, PAUSE_S, Proxy, resolved
from lab.runtime.toxiproxy.embedded.server import ApiHandler, ApiServer
from lab.runtime.toxiproxy.embedded.toxics import KINDS, Chunk, Toxic, sliced

ATTRIBUTES = {
    "latency": {"latency": 10_000, "jitter": 0},
    "bandwidth": {"rate": 1},
    "slicer": {"average_size": 10, "size_variation": 2, "delay": 0},
    "noop": {},
    "slow_close": {"delay": 0},
    "limit_data": {"bytes": 1_000_000},
}


@given(size=st.integers(0, 5000), average=st.integers(0, 500), variation=st.integers(0, 500))
def test_slices_add_up_whatever_is_asked(size: int, average: int, variation: int) -> None:
    assert sum(sliced(size, average, variation)) == size


@given(size=st.integers(1, 5000), average=st.integers(2, 500), variation=st.integers(0, 500))
def test_slices_are_small_where_the_sizes_make_sense(size: int, average: int, variation: int) -> None:
    if variation < average:
        assert max(sliced(size, average, variation)) <= average + variation


@pytest.mark.parametrize("type_", sorted(ATTRIBUTES))
def test_an_interrupted_toxic_loses_nothing_even_when_the_next_is_full(type_: str) -> None:
    """What Toxiproxy cannot do: it wedges there."""
    message = [b"%03d" % n * 40 for n in range(5)]

    async def interrupted() -> bytes:
        source, output = Channel(limit=10), Channel(limit=1)
        for data in message:
            source.push(Chunk(data, 0))
        stub = Stub(Toxic("t", type_, "downstream", 1.0, ATTRIBUTES[type_]), source, output)
        for _ in range(5):
            stub.start()
            await asyncio.sleep(0.002)
            await stub.interrupt()
        return b"".join(chunk.data for chunk in [*output.chunks, *source.chunks])

    assert asyncio.run(interrupted()) == b"".join(message)


def test_a_channel_tells_its_end_as_often_as_asked() -> None:
    async def ends() -> list[Chunk | None]:
        channel = Channel()
        channel.push(Chunk(b"last", 0))
        channel.close()
        return [await channel.pull() for _ in range(3)]

    assert asyncio.run(ends()) == [Chunk(b"last", 0), None, None]


def test_a_giver_that_waits_for_room_follows_a_change_of_its_output() -> None:
    async def follows() -> bytes:
        full, fresh = Channel(limit=1), Channel(limit=1)
        full.push(Chunk(b"first", 0))
        stub = Stub(Toxic("t", "noop", "downstream", 1.0), Channel(), full)
        giving = asyncio.create_task(stub.give(Chunk(b"second", 0)))
        await asyncio.sleep(0)
        stub.output = fresh
        full.wake()
        await asyncio.wait_for(giving, 20)
        return fresh.chunks[0].data

    assert asyncio.run(follows()) == b"second"


def test_every_toxic_of_the_client_is_here() -> None:
    from lab.runtime.toxiproxy.rules import ATTRIBUTES as KNOWN

    assert {name: frozenset(kind.attributes) for name, kind in KINDS.items()} == KNOWN


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("localhost:5", "127.0.0.1:5"),
        ("127.0.0.1:5", "127.0.0.1:5"),
        ("", "127.0.0.1:0"),
        (":5", "127.0.0.1:5"),
        ("0.0.0.0:5", "127.0.0.1:5"),
        ("[::]:5", "127.0.0.1:5"),
        ("[::1]:5", "127.0.0.1:5"),
    ],
)
def test_it_listens_on_loopback(listen: str, address: str) -> None:
    assert resolved(listen) == address


@pytest.mark.parametrize("listen", ["192.0.2.1:5", "[2001:db8::1]:5", "example.com:5", "127.0.0.1:port"])
def test_it_listens_nowhere_else(listen: str) -> None:
    with pytest.raises(ValueError, match=r"listen on|invalid literal"):
        resolved(listen)


def test_small_pieces_wait_for_nobody_on_either_side() -> None:
    async def no_delay() -> list[int]:
        with socket.create_server(("127.0.0.1", 0)) as upstream:
            proxy = Proxy("p", "127.0.0.1:0", f"127.0.0.1:{upstream.getsockname()[1]}")
            proxy.start()
            with socket.create_connection(proxy.listen.split(":")):
                async with asyncio.timeout(5):
                    while not proxy._writers:  # both come at once  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                ends = [writer.get_extra_info("socket") for writer in proxy._writers]
                found = [end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for end in ends]
            proxy.stop()
            await asyncio.sleep(0)
            return found

    told = asyncio.run(no_delay())
    assert len(told) == 2
    assert all(told)


class Full:
    """Accepts nothing for want of descriptors, `times` times; `tries` counts all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int, number: int = errno.EMFILE) -> None:
        self.tries = 0
        real = socket.socket.accept

        def accept(listener: socket.socket) -> tuple[socket.socket, object]:
            self.tries += 1
            if self.tries <= times:
                raise OSError(number, "too many open files")
            return real(listener)

        monkeypatch.setattr(socket.socket, "accept", accept)


@pytest.mark.parametrize("number", EXHAUSTED)
def test_without_a_descriptor_for_a_connection_the_proxy_pauses(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Who waits stays in the queue: the loop would see it again at once, and again."""
    full = Full(monkeypatch, times=1_000, number=number)

    async def paused() -> bool:
        proxy = Proxy("p", "127.0.0.1:0", "127.0.0.1:1")
        proxy.start()
        listener = proxy._listener
        assert listener is not None
        proxy._accept(listener)
        listening = asyncio.get_running_loop().remove_reader(listener)
        proxy.stop()
        proxy._accept_from(listener)  # the pause ends: nothing, since the proxy has been stopped
        return not listening

    assert asyncio.run(paused())
    assert full.tries == 1


def test_after_the_pause_it_serves_who_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "PAUSE_S", 0.0)
    full = Full(monkeypatch, times=1)

    async def served() -> bytes:
        proxy = Proxy("p", "127.0.0.1:0", "127.0.0.1:1")  # where nobody listens: an end of file
        proxy.start()
        host, port = proxy.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()
            proxy.stop()

    assert asyncio.run(served()) == b""
    assert full.tries == 2


def test_who_has_left_before_he_was_accepted_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    Full(monkeypatch, times=1, number=errno.ECONNABORTED)

    async def listening() -> bool:
        proxy = Proxy("p", "127.0.0.1:0", "127.0.0.1:1")
        proxy.start()
        assert proxy._listener is not None
        proxy._accept(proxy._listener)
        found = asyncio.get_running_loop().remove_reader(proxy._listener)
        proxy.stop()
        return found

    assert asyncio.run(listening())


def test_the_api_pauses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    Full(monkeypatch, times=1)
    with ApiServer(("127.0.0.1", 0), ApiHandler) as server, pytest.raises(OSError, match="too many"):
        server.get_request()
    assert slept == [PAUSE_S]


@pytest.mark.parametrize(
    ("platform", "hard", "soft"),
    [("linux", 4_096, 4_096), ("linux", 500_000, 500_000), ("darwin", 2**63 - 1, 10_240)],
)
def test_it_may_have_as_many_connections_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch, platform: str, hard: int, soft: int
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: asked.append(limits))
    allow_descriptors()
    assert asked == [(soft, hard)]
