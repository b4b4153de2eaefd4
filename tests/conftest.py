"""What the tests need of this machine. LAB_REQUIRE=local,docker turns a skip for want of it into a failure."""

import os
from typing import NoReturn

import pytest

from lab.model import LabError
from lab.runtime.toxiproxy import server as toxiproxy_server

RUNTIMES = {"local", "docker"}
REQUIRED = {name.strip() for name in os.environ.get("LAB_REQUIRE", "").split(",") if name.strip()}


def pytest_configure() -> None:
    if REQUIRED - RUNTIMES:
        raise pytest.UsageError(
            f"LAB_REQUIRE names {', '.join(sorted(REQUIRED - RUNTIMES))}; it knows local and docker."
        )


def lacking(runtime: str, reason: str) -> NoReturn:
    """Skip for `reason`, or fail where the run was told that `runtime` is there."""
    if runtime in REQUIRED:
        pytest.fail(f"LAB_REQUIRE names {runtime}, but: {reason}", pytrace=False)
    pytest.skip(f"no {runtime} runtime: {reason}")


@pytest.fixture(scope="session")
def needs_local() -> None:
    """A real Toxiproxy (built now if need be) and a PostgreSQL of the local runtime."""
    from lab.runtime.local.parts import postgres

    try:
        postgres.installation()
        engine = toxiproxy_server.find()
    except LabError as error:
        lacking("local", str(error))
    if engine.name != toxiproxy_server.TOXIPROXY:
        lacking("local", engine.reason)


@pytest.fixture(scope="session")
def needs_docker() -> None:
    """An engine that answers."""
    from lab.runtime.containers import testbed as docker

    reason = docker.available()
    if reason:
        lacking("docker", reason)
