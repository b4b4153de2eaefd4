"""A topology with everything, as processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from lab.model import PAYMENTS, POSTGRES, SERVICE, WORKER, Capability, LabError, Topology
from lab.runtime.local.parts import WHEELS
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.conftest import lacking
from tests.standing import Heard, a_stack
from tests.topologies import PLANS, TWIN, WORKING, TopologySuite, everything

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def testbed(
    heard: Heard, tmp_path_factory: pytest.TempPathFactory, needs_local: None
) -> Iterator[LocalTestbed]:
    for wheel in WHEELS.values():
        try:
            wheel.find()
        except LabError as error:
            lacking("local", str(error))
    testbed = LocalTestbed(everything("run-topology"), WORKING, tmp_path_factory.mktemp("state"))
    try:
        testbed.up(heard)
        yield testbed
    finally:
        testbed.down()


class TestLocalTopology(TopologySuite):
    def kill(self, testbed: Any, member: str) -> None:
        process = testbed._twins[TWIN].members[SERVICE][int(member) - 1].process
        os.killpg(process.pid, signal.SIGKILL)

    def test_the_service_runs_as_the_profile_says(self, testbed: LocalTestbed) -> None:
        master = psutil.Process(testbed._twins[TWIN].members[SERVICE][1].process.pid)
        assert {"--workers", "1", "--threads", "8"} <= set(master.cmdline())
        assert len(master.children()) == 1


def test_a_server_that_cannot_be_had_is_not_offered_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("LAB_CADDY", "/nowhere/caddy")
    testbed = LocalTestbed(a_stack("run-without"), BOOKING, tmp_path)
    assert testbed.offers()[Capability.BALANCER].startswith("LAB_CADDY=/nowhere/caddy is not a program")
    assert testbed.offers()[Capability.CACHE] == ""
    assert "only a fault" in testbed.offers()[Capability.BOUNDS]


def test_a_worker_that_does_not_stay_is_named_with_the_end_of_its_log(
    tmp_path: Any, needs_local: None
) -> None:
    stack = a_stack("run-ended", PLANS, topology=Topology(parts=(POSTGRES, PAYMENTS, WORKER)))
    workload = replace(BOOKING, worker=("-c", "raise SystemExit('no queue, no work')"))
    testbed = LocalTestbed(stack, workload, tmp_path)
    try:
        with pytest.raises(LabError, match=r"worker has ended: no queue, no work"):
            testbed.up(Heard())
    finally:
        testbed.down()


def test_a_worker_that_the_workload_does_not_have_is_refused(tmp_path: Any, needs_local: None) -> None:
    stack = a_stack("run-idle", PLANS, topology=Topology(parts=(WORKER,)))
    testbed = LocalTestbed(stack, BOOKING, tmp_path)
    try:
        with pytest.raises(LabError, match="booking has no worker"):
            testbed.up(Heard())
    finally:
        testbed.down()
