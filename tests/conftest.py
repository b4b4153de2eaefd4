"""What the tests need from this machine. LAB_REQUIRE=local,docker makes a test fail instead of skip without it."""

import os
from collections import Counter
from typing import NoReturn

import pytest

from lab.model import LabError
from lab.runtime.toxiproxy import server as toxiproxy_server

RUNTIMES = {"local", "docker"}
# How long the tests of a folder may take together: a folder that hangs names itself before CI's patience ends.
BOXES_S = {"unit": 300, "integration": 1_500, "docker": 900, "e2e": 2_400}
ALONE = {"e2e"}
spent_s: Counter[str] = Counter()
REQUIRED = {name.strip() for name in os.environ.get("LAB_REQUIRE", "").split(",") if name.strip()}


def pytest_configure() -> None:
    if REQUIRED - RUNTIMES:
        raise pytest.UsageError(
            f"LAB_REQUIRE names {', '.join(sorted(REQUIRED - RUNTIMES))}; it knows local and docker."
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if place(item.nodeid) in ALONE:
            item.add_marker("alone")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    spent_s[place(report.nodeid)] += report.duration


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The long proofs have their own time limits."""
    box_s = BOXES_S.get(place(item.nodeid), 0)
    if box_s and spent_s[place(item.nodeid)] > box_s and item.get_closest_marker("long") is None:
        pytest.fail(
            f"tests/{place(item.nodeid)} has used up its {box_s} s; see --durations=10", pytrace=False
        )


def place(nodeid: str) -> str:
    """The folder below tests/ that a test is in."""
    return nodeid.split("/")[1] if nodeid.startswith("tests/") else ""


def lacking(runtime: str, reason: str) -> NoReturn:
    """Skip for `reason`, or fail if LAB_REQUIRE says that `runtime` is there."""
    if runtime in REQUIRED:
        pytest.fail(f"LAB_REQUIRE names {runtime}, but: {reason}", pytrace=False)
    pytest.skip(f"no {runtime} runtime: {reason}")


@pytest.fixture(scope="session")
def needs_local() -> None:
    """A real Toxiproxy (built now if necessary) and a PostgreSQL of the local runtime."""
    from lab.runtime.local.parts import installing

    try:
        installing.installation()
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
