"""`python -m loadtests.observe observe.config.json`: observes a twin, apart from the load.

It probes what will break (links, through the same proxies that the service uses; the sessions of its database), and
reads the service's own metrics. Each probe is its own task: one that hangs delays no other. Before the run and after
the load has ended it reads all data. Beside it runs the canary.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from loadtests import canary
from loadtests.handshake import await_signal, await_t0, be_punctual, read_config, write_json
from loadtests.metrics_scrape import scrape
from loadtests.probes import Probe, look_of

BY_LINE = 1  # so that an interrupted run keeps its samples
Look = Callable[[], Awaitable[dict[str, Any]]]


async def every(interval_s: float, t0: float, until_s: float, look: Look, output: TextIO, twin: str) -> None:
    """Take a sample of `twin` at t0, t0 + interval, …, and write each one as it comes."""
    looking: set[asyncio.Task[None]] = set()

    async def once() -> None:
        output.write(json.dumps({"twin": twin, **await look()}) + "\n")

    tick = 0
    while tick * interval_s < until_s:
        await asyncio.sleep(t0 + tick * interval_s - time.monotonic())
        task = asyncio.create_task(once())
        looking.add(task)
        task.add_done_callback(looking.discard)
        tick += 1
    await asyncio.gather(*looking)


async def observe(config: dict[str, Any], looks: list[Probe], t0: float) -> None:
    """All probes and the metrics, until the end of the run."""
    until_s, twin = config["until_s"], config["twin"]
    with (
        Path(config["probes_output"]).open("w", buffering=BY_LINE) as probes,
        Path(config["metrics_output"]).open("w", buffering=BY_LINE) as metrics,
    ):
        probing = [
            every(one["interval_s"], t0, until_s, partial(look, t0), probes, twin)
            for one, look in zip(config["probes"], looks, strict=True)
        ]
        reading = [
            every(config["metrics_interval_s"], t0, until_s, partial(_metrics, one, t0), metrics, twin)
            for one in config["metrics"]
        ]
        await asyncio.gather(*probing, *reading)


async def _metrics(replica: dict[str, str], t0: float) -> dict[str, Any]:
    return await scrape(replica["member"], replica["url"], round(time.monotonic() - t0, 6))


def keep(data: dict[str, Any], output: str, twin: str) -> None:
    """Write what the workload's reader finds in the stores of `twin`."""
    reader = importlib.import_module(data["reader"])
    try:
        write_json(output, {"twin": twin, **reader.read(data)})
    except Exception as error:  # whatever the driver of a store raises
        raise SystemExit(f"The data of the {twin} twin could not be read: {error}") from error


def main(path: str) -> None:
    config = read_config(path)
    looks = [
        look_of(one) for one in config["probes"]
    ]  # before we report ready: importing a driver takes time
    data, twin = config.get("data"), config["twin"]
    if data:
        keep(data, data["before"], twin)
    be_punctual()
    t0 = await_t0(config["ready"], config["t0"])
    if "canary" in config:
        canary.start({"twin": twin, "until_s": config["until_s"], **config["canary"]}, t0)
    asyncio.run(observe(config, looks, t0))
    if data:
        await_signal(data["end"])
        keep(data, data["after"], twin)


if __name__ == "__main__":
    main(sys.argv[1])
