"""What a probe records: the instant of each step, and in the end one sample."""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import dataclass
from typing import Any

CHUNK = 1 << 16


class Malformed(Exception):
    """The answer violates the protocol."""


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

    def sample(self, target: str, t0: float) -> dict[str, Any]:
        """The fields of lab.model.LinkSample, times counted from the start of the probe."""

        def since_start_ms(instant: float | None) -> float | None:
            return None if instant is None else round((instant - self.start) * 1_000, 3)

        return {
            "type": "LinkSample",
            "target": target,
            "start_s": round(self.start - t0, 6),
            "error": "" if self.answered else self.error,  # closed_ms shows how it was closed
            "connect_ms": since_start_ms(self.connected),
            "first_byte_ms": since_start_ms(self.first_byte),
            "last_byte_ms": since_start_ms(self.last_byte),
            "closed_ms": since_start_ms(self.closed),
            "received_bytes": self.received,
            "chunks": self.chunks,
        }


def named(error: OSError) -> str:
    """What went wrong below the protocol, in one word."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else "closed"
