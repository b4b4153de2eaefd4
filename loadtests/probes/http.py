"""HTTP/1.1: a GET, whose answer is padded if the server can do that; then an end of stream."""

from __future__ import annotations

import asyncio
from typing import Any

from loadtests.probes.steps import Malformed, Steps

END_OF_HEAD = b"\r\n\r\n"


async def exchange(
    config: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Steps
) -> None:
    """GET, then an end of stream, on which the server closes.

    Not `Connection: close`: gunicorn's gthread worker blocks until the peer of such a connection has closed, so a late
    answer would make the probe itself the outage.
    """
    path = config["path"] + (f"?bytes={config['reply_bytes']}" if config["reply_bytes"] else "")
    padding = "x" * config["request_bytes"]
    writer.write(f"GET {path} HTTP/1.1\r\nHost: probe\r\nX-Padding: {padding}\r\n\r\n".encode())
    answer = b""
    while END_OF_HEAD not in answer:
        answer += await steps.more(reader)
    head, _, body = answer.partition(END_OF_HEAD)
    if not head.startswith(b"HTTP/1.1 200"):
        raise Malformed(head)
    left = _content_length(head) - len(body)
    while left > 0:
        left -= len(await steps.more(reader))
    writer.write_eof()


def _content_length(head: bytes) -> int:
    lengths = [
        line.split(b":", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    return int(lengths[0])
