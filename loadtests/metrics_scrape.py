"""Reads a service's own metrics: every series except the buckets of histograms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 0.8


async def scrape(member: str, url: str, at_s: float) -> dict[str, Any]:
    """One reading of a replica; `ok` is false if it did not answer in time, which is a finding, not an error."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            text = await _get(url)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        return {"member": member, "at_s": at_s, "ok": False, "samples": {}}
    return {"member": member, "at_s": at_s, "ok": True, "samples": dict(_samples(text))}


async def _get(url: str) -> str:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET {parts.path} HTTP/1.0\r\nHost: lab\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ValueError(head)
        return (await reader.read()).decode()
    finally:
        writer.transport.abort()


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if series and not line.startswith("#") and "_bucket{" not in series:
            yield series, float(value)
