"""`python -m lab.runtime.toxiproxy.embedded --host HOST --port PORT [--config FILE]`: the flags of toxiproxy-server."""

import argparse
import asyncio
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from lab.runtime.toxiproxy.embedded.api import Api
from lab.runtime.toxiproxy.embedded.server import serve_api

MACOS_MAX = 10_240  # which macOS grants, whatever it calls the hard limit


def allow_descriptors() -> None:
    """Have as many files open as the system allows, as Go does for Toxiproxy: each connection takes two."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        soft = min(hard, MACOS_MAX) if sys.platform == "darwin" else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def run(host: str, port: int, config: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    allow_descriptors()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    api = Api()
    await api.populate(config)
    serve_api(api, host, port)
    await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="embedded_proxy")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8474)
    parser.add_argument("--config", type=Path)
    asked = parser.parse_args()
    asyncio.run(run(asked.host, asked.port, asked.config.read_text() if asked.config else "[]"))
