"""The Docker engine of this machine: whether it can be used, Compose's version, and removing what a run left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from lab.model import LabError
from lab.runtime.docker_client import docker_configuration, docker_environment, engine_address
from lab.runtime.effects import about_to
from lab.runtime.ownership.ledger import RUN_LABEL
from lab.runtime.programs import as_root, output
from lab.runtime.reach import elsewhere, foreign, remapped, unreachable

TWIN_LABEL = "failure-lab.twin"
ANSWER_TIMEOUT_S = 5
CALL_TIMEOUT_S = 60
AT_ONCE = 8
COMPOSE_LEAST = (2, 21)  # also in compose/offline/compose-plugin/build
GET_COMPOSE = (
    "Install its plugin (apt install docker-compose-plugin or docker-compose-v2), "
    "or build it: compose/offline/compose-plugin/build."
)


class Connection(docker.APIClient):
    """The SDK's connection, but every call that changes something is announced to lab.runtime.effects first.

    No call goes through a proxy or takes a password of the user's ~/.netrc. `gone`: the engine ended or hangs, so that
    no call needs to wait for it any more.
    """

    gone: ClassVar[bool] = False

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        if self.gone:
            raise requests.ConnectionError("the engine does not answer any more")
        self.trust_env = False  # here, because the SDK's constructor asks for the version before it returns
        what, path = str(method).upper(), urlsplit(str(url)).path
        if what not in ("GET", "HEAD") and not path.endswith("/wait"):
            about_to(f"container: {what} {path}")
        return super().request(method, url, *args, **options)


class Client(docker.DockerClient):
    def __init__(self, **options: Any) -> None:
        self.api = Connection(**options)  # everything that the SDK's own constructor does


@cache
def client() -> docker.DockerClient:
    """The engine that the environment names. Raises LabError if none answers."""
    with answering():
        return _connected(CALL_TIMEOUT_S)


@contextmanager
def answering() -> Iterator[None]:
    """Turns any error of the engine inside the block into a LabError."""
    try:
        yield
    except APIError as error:  # it answered
        why = str(error.explanation or error).strip().rstrip(".")
        raise LabError(
            f"Docker refused: {why}. Fix that, then try again. The engine's log may say more: journalctl -u docker"
        ) from error
    except (DockerException, requests.RequestException) as error:
        raise LabError(f"Docker: {error}. Is the engine still running? See: docker info") from error


def available() -> str | None:
    """Why the docker runtime cannot be used on this machine; None if it can."""
    Connection.gone = False
    try:
        address = engine_address()
        if reason := elsewhere(address):
            return reason
        info = _connected(ANSWER_TIMEOUT_S).info()
    except (DockerException, requests.RequestException) as error:
        return unreachable(address, str(error))
    except LabError as error:
        return str(error)
    return foreign(address, info) or remapped(address, info) or _lacking()


def _lacking() -> str | None:
    """What is missing, or too old, of the programs with which twins are started."""
    if shutil.which("docker") is None:
        return (
            "An engine answers, but Docker's command line is missing. "
            f"Install it: {as_root('apt install docker-cli')} (Debian 12: docker.io)."
        )
    try:
        found = compose_version()
    except LabError:
        return f"Docker Compose is missing. {GET_COMPOSE}"
    numbers = re.match(r"v?(\d+)\.(\d+)", found)
    if numbers and (int(numbers[1]), int(numbers[2])) < COMPOSE_LEAST:
        least = ".".join(map(str, COMPOSE_LEAST))
        return f"Docker Compose {found} is too old: the lab needs {least} or newer. {GET_COMPOSE}"
    return None


def ping() -> None:
    """Raises LabError where the engine has gone. From then on no call waits for it, until it is `available` again."""
    try:
        with answering():
            _impatient().ping()
    except LabError as error:
        Connection.gone = True
        raise LabError(
            "The Docker engine ended mid-run, or did not answer in time, so no twin is judged. See: docker info. "
            "When it runs again, clean up: bin/lab heal"
        ) from error


def compose_version() -> str:
    """Compose's version. Raises LabError if the Docker client has no such plugin."""
    command = ("docker", "compose", "version", "--short")
    return output(command, timeout_s=ANSWER_TIMEOUT_S, env=docker_environment()).strip()


@cache
def _impatient() -> docker.DockerClient:
    return _connected(ANSWER_TIMEOUT_S)


def _connected(timeout_s: int) -> docker.DockerClient:
    """A client with the same settings as the command line. Raises DockerException if there can be none."""
    with docker_configuration():
        try:
            return Client.from_env(timeout=timeout_s)
        except ValueError as error:  # what DOCKER_HOST says is not an address
            raise DockerException(str(error)) from error


def remove_leftovers(run: str) -> list[str]:
    """Remove every container and network with the label of `run`; returns one line for each."""
    wanted: dict[str, Any] = {"filters": {"label": f"{RUN_LABEL}={run}"}}
    with answering(), ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="remove") as threads:
        found = client().containers.list(all=True, ignore_removed=True, **wanted)
        containers = [line for line in threads.map(_remove_container, found) if line]
        # Only now: a network can be removed when nothing is on it.
        networks = [line for line in threads.map(_remove_network, client().networks.list(**wanted)) if line]
    return containers + networks


def _remove_container(container: Container) -> str:
    """What was done; "" if somebody else was quicker."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return ""
    return f"removed container {container.name}"


def _remove_network(network: Network) -> str:
    try:
        network.remove()
    except NotFound:
        return ""
    return f"removed network {network.name}"
