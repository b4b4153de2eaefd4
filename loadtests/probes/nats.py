"""NATS: a message to ourselves, published and delivered, with the token that the server asks for.

The server greets first. The request does not wait for that, so greeting and answer together take one round trip.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from loadtests.probes.steps import Malformed, Steps

INBOX = "_INBOX.lab.probe"  # delivered on this connection
NOWHERE = "lab.probe"  # nobody subscribes to it
MESSAGE_BYTES_MAX = 500_000  # a server takes 1 MiB in one message, unless told otherwise
END_OF_LINE = b"\r\n"
PONG = b"PONG\r\n"
ERROR = b"-ERR"


async def exchange(
    config: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Steps
) -> None:
    """CONNECT, messages of the configured size each way, PING; then an end of stream, on which the server closes."""
    options = {
        "auth_token": config["token"],
        "verbose": False,
        "pedantic": False,
        "lang": "lab",
        "version": "1",
    }
    writer.write(f"CONNECT {json.dumps(options)}\r\nSUB {INBOX} 1\r\n".encode())
    writer.writelines(_messages(NOWHERE, config["request_bytes"]))
    writer.writelines(_messages(INBOX, config["reply_bytes"]))
    writer.write(b"PING\r\n")
    if not (await reader.readuntil(END_OF_LINE)).startswith(b"INFO "):
        raise Malformed
    answer = bytearray()
    while not answer.endswith(PONG):
        answer += await steps.more(reader)
        if ERROR in answer:
            raise Malformed(bytes(answer[:80]))
    writer.write_eof()


def _messages(subject: str, size_bytes: int) -> Iterator[bytes]:
    """As many messages as it takes to carry `size_bytes`."""
    for start in range(0, size_bytes, MESSAGE_BYTES_MAX):
        part = min(MESSAGE_BYTES_MAX, size_bytes - start)
        yield f"PUB {subject} {part}\r\n{'x' * part}\r\n".encode()
