"""Whether a server in a container answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container

ANSWER_TIMEOUT_S = 2.0
# Arguments: host, port, and what the reply must contain. The exit code is the answer. A password is in the question,
# so it is in the environment, since everybody on the machine can read a command line.
TALK = """
import os, socket, sys
host, port, expected = sys.argv[1:]
with socket.create_connection((host, int(port)), 1) as connection:
    connection.sendall(os.environ["QUESTION"].encode())
    reply = b""
    while expected.encode() not in reply:
        more = connection.recv(8192)
        if not more:
            sys.exit(1)
        reply += more
"""


def healthy(container: Container) -> bool:
    """Run the container's own health check now: older engines wait a whole interval before the first one."""
    _kind, *command = container.attrs["Config"]["Healthcheck"]["Test"]
    return succeeds(container, command)


def replies(container: Container, host: str, port: int, question: str, expected: str) -> bool:
    """Whether the reply of `host` to `question` contains `expected`, asked by Python in `container`."""
    return succeeds(container, ["python", "-c", TALK, host, str(port), expected], QUESTION=question)


def answers(url: str, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(url, timeout=timeout_s) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def address(container: Container, network: str) -> str:
    """Its IP address on `network`; "" while it is not running."""
    networks: Mapping[str, Any] = container.attrs["NetworkSettings"]["Networks"]
    return str(networks[network]["IPAddress"])


def succeeds(container: Container, command: list[str], **environment: str) -> bool:
    """Whether `command` succeeds inside `container`, with `environment` besides the container's own."""
    try:
        return bool(container.exec_run(command, environment=environment).exit_code == 0)
    except APIError:  # it does not run
        return False
