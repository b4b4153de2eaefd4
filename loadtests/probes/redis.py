"""Redis's protocol, which Valkey speaks: the password, a write and a read, in one go."""

from __future__ import annotations

import asyncio
from typing import Any

from loadtests.probes.steps import Malformed, Steps

KEY = "lab:probe"
LIFETIME_S = "5"  # of the key that a probe leaves behind


async def exchange(
    config: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Steps
) -> None:
    """AUTH, SET and PING with the configured sizes each way; then an end of stream, on which the server closes."""
    payload = "x" * config["reply_bytes"]
    for words in (
        ("AUTH", config["password"]),
        ("SET", KEY, "x" * config["request_bytes"], "EX", LIFETIME_S),
        ("PING", payload),
    ):
        writer.write(_command(*words))
    expected = b"+OK\r\n+OK\r\n" + f"${len(payload)}\r\n{payload}\r\n".encode()
    answer = b""
    while expected.startswith(answer) and answer != expected:
        answer += await steps.more(reader)
    if answer != expected:
        raise Malformed(answer[:80])
    writer.write_eof()


def _command(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
    return "".join(parts).encode()
