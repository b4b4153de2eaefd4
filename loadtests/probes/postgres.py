"""PostgreSQL: the few messages of the protocol that a probe needs, as the role `probe`, which may do nothing else.

Its password goes out in clear, together with the first message: the login stays one round trip, and costs the server
one hash. A SCRAM exchange would take three, and thousands of hashes if its secret were stored as usual, at each of the
twenty probes a second. The password opens nothing but `SELECT repeat(…)`, and never leaves this machine.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from loadtests.probes.steps import Malformed, Steps

PROTOCOL_3 = 196_608
READY_FOR_QUERY = b"Z"
ERROR_RESPONSE = b"E"


async def exchange(
    config: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Steps
) -> None:
    """Log in, then one query, whose answer is what counts; then say goodbye, on which the server closes."""
    parameters = f"user\0{config['user']}\0database\0{config['database']}\0\0".encode()
    start = struct.pack("!II", len(parameters) + 8, PROTOCOL_3) + parameters
    writer.write(start + _message(b"p", f"{config['password']}\0".encode()))
    await _until_ready(reader, Steps(start=0.0))
    comment = f"/*{'x' * config['request_bytes']}*/" if config["request_bytes"] else ""
    query = f"SELECT repeat('x', {config['reply_bytes']}){comment}\0".encode()
    writer.write(_message(b"Q", query))
    await _until_ready(reader, steps)
    writer.write(_message(b"X"))


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


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
