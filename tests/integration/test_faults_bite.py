"""Every fault, on a real PostgreSQL and a real HTTP service behind a real Toxiproxy: echoed, felt, and healed so."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from lab.faults import (
    FAULTS,
    Bandwidth,
    Down,
    Latency,
    LimitData,
    Noop,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
)
from lab.judge.proofs import healed_proof
from lab.model import DATABASE, PAYMENTS, Fault, LinkSample, LinkState, SeedSizes, Stack, TwinPlan
from lab.plan.programs import observe
from lab.runtime.local.testbed import LocalTestbed
from loadtests.probes import probe
from tests.fabricated.evidence import NAIVE, PHASES, a_scenario

pytestmark = [pytest.mark.usefixtures("needs_local"), pytest.mark.timeout(120)]

COUNT, INTERVAL_S = 10, 0.03
DIRECTIONS = ("downstream", "upstream")
FAULTS_BY_DIRECTION: list[Fault] = [
    fault
    for direction in DIRECTIONS
    for fault in (
        Latency(link=DATABASE, latency_ms=60, direction=direction),
        Latency(link=PAYMENTS, latency_ms=60, direction=direction),
        Bandwidth(link=DATABASE, rate_kb_s=100, direction=direction),
        Bandwidth(link=PAYMENTS, rate_kb_s=50, direction=direction),
        SlowClose(link=DATABASE, delay_ms=300, direction=direction),
        SlowClose(link=PAYMENTS, delay_ms=300, direction=direction),
        Timeout(link=DATABASE, direction=direction),
        Timeout(link=PAYMENTS, timeout_ms=200, direction=direction),
        ResetPeer(link=DATABASE, direction=direction),
        ResetPeer(link=PAYMENTS, timeout_ms=50, direction=direction),
        Slicer(link=DATABASE, average_size_bytes=64, size_variation_bytes=32, direction=direction),
        LimitData(link=DATABASE, limit_bytes=1_000, direction=direction),
        LimitData(link=PAYMENTS, limit_bytes=100, direction=direction),
        Noop(link=DATABASE, direction=direction),
    )
]
EVERY_FAULT = [*FAULTS_BY_DIRECTION, Down(link=DATABASE), Down(link=PAYMENTS)]


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory, needs_local: None) -> Iterator[LocalTestbed]:
    stack = Stack(
        run="run-faults-bite",
        twins=(TwinPlan(name=NAIVE, defences="none"),),
        seed_sizes=SeedSizes(users=20, rooms=4, bookings=40, wallets=20),
    )
    testbed = LocalTestbed(stack, tmp_path_factory.mktemp("state"))
    try:
        testbed.up()
        yield testbed
    finally:
        testbed.down()


def probed(testbed: LocalTestbed, fault: Fault) -> list[LinkSample]:
    """What the run's own probe sees of the link now."""
    scenario = a_scenario(faults=(fault,))
    (config,) = observe(scenario, PHASES, testbed.targets(NAIVE))["probes"]
    t0 = time.monotonic()

    async def all_probes() -> list[LinkSample]:
        async def one(number: int) -> LinkSample:
            await asyncio.sleep(number * INTERVAL_S)
            return LinkSample(**await probe(config, t0))

        return await asyncio.gather(*map(one, range(COUNT)))

    return asyncio.run(all_probes())


@pytest.mark.parametrize("fault", EVERY_FAULT, ids=lambda fault: fault.describe())
def test_a_fault_is_echoed_bites_and_heals(testbed: LocalTestbed, fault: Fault) -> None:
    link = testbed.link(NAIVE, fault.link)
    before = probed(testbed, fault)
    try:
        assert link.set(fault.state()) == fault.state()
        during = probed(testbed, fault)
        assert link.get() == fault.state()
    finally:
        assert link.set(LinkState()) == LinkState()
    after = probed(testbed, fault)
    felt = fault.felt(before, during)
    assert felt.proved, (felt, during)
    assert healed_proof(before, during, after).proved, after
    if not isinstance(fault, Noop) and "echo" not in felt.sentence:
        assert not fault.felt(before, after).proved


def test_no_fault_is_left_out() -> None:
    assert {type(fault) for fault in EVERY_FAULT} == set(FAULTS)
