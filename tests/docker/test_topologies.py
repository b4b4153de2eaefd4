"""A topology with everything, as containers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lab.model import CACHE, SERVICE, WORKER, Limits, Topology
from lab.runtime.containers.project import particulars
from lab.runtime.containers.testbed import DockerTestbed
from lab.workload.booking import BOOKING
from tests.standing import SECRETS, Heard
from tests.strangers import StrangersSuite
from tests.topologies import TWIN, WORKING, TopologySuite, everything

pytestmark = [pytest.mark.usefixtures("needs_docker"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def testbed(
    heard: Heard, tmp_path_factory: pytest.TempPathFactory, needs_docker: None
) -> Iterator[DockerTestbed]:
    testbed = DockerTestbed(everything("docker-topology"), WORKING, tmp_path_factory.mktemp("state"))
    try:
        testbed.up(heard)
        yield testbed
    finally:
        testbed.down()


class TestDockerTopology(TopologySuite):
    def kill(self, testbed: Any, member: str) -> None:
        testbed._twins[TWIN].containers[SERVICE][int(member) - 1].kill()

    def test_the_service_runs_as_the_profile_says(self, testbed: DockerTestbed) -> None:
        options = testbed.facts()["environment"][SERVICE]["GUNICORN_CMD_ARGS"]
        assert options == "--workers 1 --threads 8 --timeout 30"


class TestDockerStrangers(StrangersSuite):
    """All users of this machine reach the networks of its containers."""

    twin, secrets = TWIN, SECRETS


def test_limits_and_worker_are_a_second_compose_file() -> None:
    topology = Topology(parts=(WORKER,), limits={CACHE: Limits(memory_mib=100), SERVICE: Limits(cpus=0.5)})
    workload = replace(BOOKING, worker=("-m", "some.where"))
    assert json.loads(particulars(topology, workload)) == {
        "services": {
            "worker": {"command": ["python", "-m", "some.where"]},
            "cache": {"mem_limit": 104_857_600, "memswap_limit": 104_857_600},
            "service": {"cpus": 0.5},
        }
    }
    assert json.loads(particulars(Topology(), BOOKING)) == {"services": {}}
