"""A probe tells what it met on the way, step by step, never lasts longer than asked and holds up no other."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from lab.model import LinkSample, Sample
from lab.record.codec import structured
from loadtests import metrics_scrape
from loadtests.metrics_scrape import scrape
from loadtests.observe import every
from loadtests.probes import probe

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HTTP = {"target": "link/edge", "protocol": "http", "path": "/healthz"}
POSTGRES = {
    "target": "link/database",
    "protocol": "postgres",
    "user": "probe",
    "database": "lab",
    "password": "secret",
}
REDIS = {"target": "link/cache", "protocol": "redis", "password": "secret"}
NATS = {"target": "link/queue", "protocol": "nats", "token": "secret"}
SIZES = {"request_bytes": 0, "reply_bytes": 0, "timeout_s": 20.0}
BRIEF_S = 0.3  # for a server that hangs: the probe must be connected by then


async def served(serve: Serve, ask: Callable[[str], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """What `ask` finds at the address of a server that does `serve` with each connection, and then closes it."""
    serving: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())  # type: ignore[arg-type]
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        found = await ask(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.gather(*serving)
    return found


def probed(serve: Serve, config: dict[str, Any]) -> LinkSample:
    def ask(address: str) -> Awaitable[dict[str, Any]]:
        return probe({**SIZES, **config, "address": address}, t0=time.monotonic())

    sample = structured(asyncio.run(served(serve, ask)), Sample)
    assert isinstance(sample, LinkSample)
    return sample


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def answer_postgres(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As PostgreSQL does for a role that shows its password in clear, which has to come along with the start."""
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    assert b"user\0probe\0database\0lab\0" in await reader.readexactly(length - 4)
    assert await reader.readexactly(12) == message(b"p", b"secret\0")
    writer.write(message(b"R", struct.pack("!I", 3)) + message(b"R", bytes(4)) + message(b"Z", b"I"))
    assert await reader.readexactly(1) == b"Q"
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    size = int((await reader.readexactly(length - 4)).split(b"'x', ")[1].split(b")")[0])
    writer.write(message(b"D", b"x" * size) + message(b"C") + message(b"Z", b"I"))
    assert await reader.readexactly(5) == message(b"X")


async def answer_redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As Valkey does, which sends back what came with a PING."""
    replies = {"AUTH": lambda _words: b"+OK\r\n", "SET": lambda _words: b"+OK\r\n", "PING": bulk}
    for _ in range(3):
        words = [await bulk_string(reader) for _ in range(int((await reader.readline())[1:]))]
        writer.write(replies[words[0]](words))
    assert await reader.read() == b""


async def bulk_string(reader: asyncio.StreamReader) -> str:
    size = int((await reader.readline())[1:])
    return (await reader.readexactly(size + 2))[:-2].decode()


def bulk(words: list[str]) -> bytes:
    return f"${len(words[1])}\r\n{words[1]}\r\n".encode()


async def refuse_redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
    await reader.read()


async def answer_nats(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As NATS does: it speaks first, delivers what is published to whoever subscribes, and answers a PING."""
    writer.write(b'INFO {"server_id":"X"} \r\n')
    assert json.loads((await reader.readline()).removeprefix(b"CONNECT"))["auth_token"] == "secret"
    inbox = (await reader.readline()).split()[1]
    while (line := await reader.readline()) != b"PING\r\n":
        _verb, subject, size = line.split()
        payload = await reader.readexactly(int(size) + 2)
        if subject == inbox:
            writer.write(b"MSG %b 1 %b\r\n%b" % (inbox, size, payload))
    writer.write(b"PONG\r\n")
    assert await reader.read() == b""


async def refuse_nats(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"INFO {}\r\n-ERR 'Authorization Violation'\r\n")
    await reader.read()


async def never_end_a_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"x" * 200_000)
    await reader.read()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"220 ready\r\n\r\n")


async def answer_and_stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await hang(reader, writer)  # the probe says that it is done …
    await asyncio.sleep(2 * BRIEF_S)  # … which this one does not care about


@pytest.mark.parametrize(
    ("serve", "config"),
    [(answer_http, HTTP), (answer_postgres, POSTGRES), (answer_redis, REDIS), (answer_nats, NATS)],
)
def test_an_answer_comes_with_the_time_of_every_step(serve: Serve, config: dict[str, Any]) -> None:
    sample = probed(serve, config)
    assert sample.error == ""
    steps = (sample.connect_ms, sample.first_byte_ms, sample.last_byte_ms, sample.closed_ms)
    assert list(steps) == sorted(step or -1 for step in steps)
    assert sample.received_bytes > 0


@pytest.mark.parametrize(
    ("serve", "config"), [(answer_postgres, POSTGRES), (answer_redis, REDIS), (answer_nats, NATS)]
)
def test_question_and_answer_are_as_long_as_asked(serve: Serve, config: dict[str, Any]) -> None:
    asked: list[int] = []

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        feed = reader.feed_data
        reader.feed_data = lambda data: (asked.append(len(data)), feed(data))  # type: ignore[method-assign,assignment]
        await serve(reader, writer)

    short = probed(counting, {**config, "reply_bytes": 10})
    short_asked = sum(asked)
    asked.clear()
    long = probed(counting, {**config, "reply_bytes": 700_000})
    assert (short.error, long.error) == ("", "")
    assert long.received_bytes - short.received_bytes >= 699_990
    asked.clear()
    assert probed(counting, {**config, "request_bytes": 700_000}).received_bytes < 1_000
    assert sum(asked) - short_asked >= 699_990


def test_a_greeting_is_no_answer() -> None:
    async def greet_and_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO {}\r\n")
        await reader.read()

    sample = probed(greet_and_hang, {**NATS, "timeout_s": BRIEF_S})
    assert (sample.error, sample.first_byte_ms) == ("timeout", None)


@pytest.mark.parametrize(
    ("serve", "config", "error"),
    [
        (hang_up, HTTP, "closed"),
        (hang_up, POSTGRES, "closed"),
        (hang_up, REDIS, "closed"),
        (hang_up, NATS, "closed"),
        (talk_nonsense, HTTP, "malformed"),
        (talk_nonsense, REDIS, "malformed"),
        (refuse_redis, REDIS, "malformed"),
        (refuse_nats, NATS, "malformed"),
        (never_end_a_line, NATS, "malformed"),
        (hang, {**REDIS, "timeout_s": BRIEF_S}, "timeout"),
        (hang, {**NATS, "timeout_s": BRIEF_S}, "timeout"),
        (hang, {**HTTP, "timeout_s": BRIEF_S}, "timeout"),
        (hang, {**POSTGRES, "timeout_s": BRIEF_S}, "timeout"),
    ],
)
def test_what_went_wrong_is_named(serve: Serve, config: dict[str, Any], error: str) -> None:
    sample = probed(serve, config)
    assert sample.error == error
    assert sample.connect_ms is not None
    assert error == "malformed" or sample.last_byte_ms is None


def test_a_connection_that_is_refused_has_no_step_at_all() -> None:
    sample = asyncio.run(probe({**SIZES, **HTTP, "address": "127.0.0.1:1"}, t0=0.0))
    assert (sample["error"], sample["connect_ms"]) == ("refused", None)


def test_an_answer_counts_though_the_end_of_the_connection_never_comes() -> None:
    sample = probed(answer_and_stay, {**HTTP, "timeout_s": BRIEF_S})
    assert (sample.error, sample.closed_ms) == ("", None)
    assert sample.last_byte_ms is not None


def test_a_look_that_hangs_delays_no_other() -> None:
    """Each of the ten hangs until all have begun: one after the other, the first would hang for ever."""

    async def hanging() -> dict[str, Any]:
        if next(begun) == 10:
            all_began.set()
        await asyncio.wait_for(all_began.wait(), 20)
        return {}

    async def looked() -> None:
        await every(0.01, time.monotonic(), 0.1, hanging, output, "naive")

    output, begun, all_began = io.StringIO(), count(1), asyncio.Event()
    asyncio.run(looked())
    assert output.getvalue().splitlines() == ['{"twin": "naive"}'] * 10


def test_metrics_are_kept_but_for_the_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_scrape, "TIMEOUT_S", 20.0)
    text = '# TYPE x\nup 1\nx_bucket{le="1"} 3\nx_count{route="/a b"} 4\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n\r\n{text}".encode())
        writer.close()

    found = asyncio.run(served(serve, lambda address: scrape("2", f"http://{address}/metrics", 1.5)))
    assert found == {
        "member": "2", "at_s": 1.5, "ok": True, "samples": {"up": 1, 'x_count{route="/a b"}': 4}
    }  # fmt: skip


def test_a_service_without_an_answer_has_no_metrics_and_that_is_written_down() -> None:
    found = asyncio.run(scrape("1", "http://127.0.0.1:1/metrics", 2.0))
    assert found == {"member": "1", "at_s": 2.0, "ok": False, "samples": {}}
