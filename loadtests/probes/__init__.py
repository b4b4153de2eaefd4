"""Probes: how the lab observes what it breaks, one for each entry of `probes` in observe.config.json.

A probe of a link is a fresh connection through its proxy, one small exchange, and a close, with the time of each step.
It uses raw sockets, so that no library in between interferes. Each protocol is a file with one `exchange`: it sends a
request, reads the answer through `Steps`, and asks the server to close. If the protocol allows it, a login goes out
together with the request, so that a probe takes one round trip.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from loadtests.probes import http, nats, postgres, redis
from loadtests.probes.steps import CHUNK, Malformed, Steps, named

Probe = Callable[[float], Awaitable[dict[str, Any]]]  # given T0, a sample
Exchange = Callable[[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter, Steps], Awaitable[None]]
EXCHANGES: dict[str, Exchange] = {
    "http": http.exchange,
    "nats": nats.exchange,
    "postgres": postgres.exchange,
    "redis": redis.exchange,
}


def look_of(config: dict[str, Any]) -> Probe:
    """The probe that `config` asks for, as a function to be called again and again."""
    if config["protocol"] == "sessions":  # a driver of the database, which most runs do not need
        from loadtests.probes.sessions import SessionsProbe

        return SessionsProbe(config).look
    return partial(probe, config)


async def probe(config: dict[str, Any], t0: float) -> dict[str, Any]:
    """One probe as `config` asks, as the fields of lab.model.LinkSample. Never raises, never takes longer."""
    steps = Steps(start=time.monotonic())
    try:
        async with asyncio.timeout(config["timeout_s"]):
            await _connected(config, steps)
    except TimeoutError:
        steps.error = "timeout"
    except EOFError:
        steps.error = "closed"
    except OSError as error:
        steps.error = named(error)
    except (Malformed, ValueError, IndexError, asyncio.LimitOverrunError):
        steps.error = "malformed"
    return steps.sample(config["target"], t0)


async def _connected(config: dict[str, Any], steps: Steps) -> None:
    host, port = config["address"].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        steps.connected = time.monotonic()
        await EXCHANGES[config["protocol"]](config, reader, writer, steps)
        steps.answered = True
        while await reader.read(CHUNK):
            pass
        steps.closed = time.monotonic()
    finally:
        writer.transport.abort()
