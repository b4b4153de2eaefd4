"""One in-path probe: a fresh connection through a link's proxy, one small exchange, a close; each step with its time.

Raw sockets, so that nothing between the probe and the link has ideas of its own. For PostgreSQL it speaks
the few messages of the protocol that it needs, as the role `probe`, which needs no password.
"""

from __future__ import annotations

import asyncio
import errno
import struct
import time
from dataclasses import dataclass
from typing import Any

CHUNK = 1 << 16
PROTOCOL_3 = 196_608
READY_FOR_QUERY = b"Z"
ERROR_RESPONSE = b"E"


class Malformed(Exception):
    """The answer was not what the protocol says."""


@dataclass
class Steps:
    """The instants at which each step was reached; None until it is."""

    start: float
    connected: float | None = None
    first_byte: float | None = None
    last_byte: float | None = None
    closed: float | None = None
    received: int = 0
    chunks: int = 0
    answered: bool = False
    error: str = ""

    async def more(self, reader: asyncio.StreamReader) -> bytes:
        """The next bytes of the answer; raises EOFError at its end."""
        data = await reader.read(CHUNK)
        if not data:
            raise EOFError
        now = time.monotonic()
        self.first_byte = self.first_byte or now
        self.last_byte = now
        self.received += len(data)
        self.chunks += 1
        return data


async def probe(config: dict[str, Any], t0: float) -> dict[str, Any]:
    """One probe as `config` asks, as the members of lab.model.LinkSample. Never raises, never lasts longer."""
    steps = Steps(start=time.monotonic())
    exchange = {"postgres": _postgres, "http": _http}[config["protocol"]]
    try:
        async with asyncio.timeout(config["timeout_s"]):
            await _connected(config, exchange, steps)
    except TimeoutError:
        steps.error = "timeout"
    except EOFError:
        steps.error = "closed"
    except OSError as error:
        steps.error = _name(error)
    except (Malformed, ValueError, IndexError):
        steps.error = "malformed"
    return _sample(config["target"], steps, t0)


async def _connected(config: dict[str, Any], exchange: Any, steps: Steps) -> None:
    host, port = config["address"].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        steps.connected = time.monotonic()
        await exchange(config, reader, writer, steps)
        steps.answered = True
        while await reader.read(CHUNK):
            pass
        steps.closed = time.monotonic()
    finally:
        writer.transport.abort()


async def _http(
    config: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Steps
) -> None:
    """GET, then an end of stream, on which the server closes.

    Not `Connection: close`: gunicorn's gthread worker serves nobody until the peer of such a connection has closed,
    and a late answer would make the probe itself the outage.
    """
    path = config["path"] + (f"?bytes={config['reply_bytes']}" if config["reply_bytes"] else "")
    padding = "x" * config["request_bytes"]
    writer.write(f"GET {path} HTTP/1.1\r\nHost: probe\r\nX-Padding: {padding}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await steps.more(reader)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise Malformed(head)
    left = _content_length(head) - len(body)
    while left > 0:
        left -= len(await steps.more(reader))
    writer.write_eof()


async def _postgres(
    config: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Steps
) -> None:
    """Log in, then one query, whose answer is what counts; then say goodbye, on which the server closes."""
    parameters = f"user\0{config['user']}\0database\0{config['database']}\0\0".encode()
    writer.write(struct.pack("!II", len(parameters) + 8, PROTOCOL_3) + parameters)
    await _until_ready(reader, Steps(start=0.0))
    comment = f"/*{'x' * config['request_bytes']}*/" if config["request_bytes"] else ""
    query = f"SELECT repeat('x', {config['reply_bytes']}){comment}\0".encode()
    writer.write(b"Q" + struct.pack("!I", len(query) + 4) + query)
    await _until_ready(reader, steps)
    writer.write(b"X" + struct.pack("!I", 4))


async def _until_ready(reader: asyncio.StreamReader, steps: Steps) -> None:
    """Read whole messages until the server waits for the next query."""
    buffer = b""
    while True:
        buffer += await steps.more(reader)
        while len(buffer) >= 5 and len(buffer) >= (end := 1 + struct.unpack("!I", buffer[1:5])[0]):
            kind, buffer = buffer[:1], buffer[end:]
            if kind == ERROR_RESPONSE:
                raise Malformed(kind)
            if kind == READY_FOR_QUERY:
                return


def _content_length(head: bytes) -> int:
    lengths = [
        line.split(b":", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    return int(lengths[0])


def _name(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else "closed"


def _sample(target: str, steps: Steps, t0: float) -> dict[str, Any]:
    def since_start_ms(instant: float | None) -> float | None:
        return None if instant is None else round((instant - steps.start) * 1_000, 3)

    return {
        "type": "LinkSample",
        "target": target,
        "start_s": round(steps.start - t0, 6),
        "error": "" if steps.answered else steps.error,  # how it was closed then, closed_ms tells
        "connect_ms": since_start_ms(steps.connected),
        "first_byte_ms": since_start_ms(steps.first_byte),
        "last_byte_ms": since_start_ms(steps.last_byte),
        "closed_ms": since_start_ms(steps.closed),
        "received_bytes": steps.received,
        "chunks": steps.chunks,
    }
