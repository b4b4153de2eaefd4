"""Every fault of a link, on a real PostgreSQL and HTTP service behind a real Toxiproxy: echoed, observed, healed."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

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
from lab.faults.links.toxics import LinkFault
from lab.model import (
    CACHE,
    DATABASE,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    LinkState,
    Sample,
    Seen,
    StateFault,
    Topology,
)
from lab.plan.programs import observe
from lab.plan.runs import RunPlan
from lab.record.codec import structured
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from loadtests.probes import probe
from tests.fabricated.evidence import NAIVE, PAIR, PHASES, a_scenario
from tests.standing import Heard, a_stack

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("needs_local"), pytest.mark.timeout(120)]

COUNT, INTERVAL_S = 10, 0.03
TRIES_MAX = 3
STACK = a_stack("run-faults-bite", PAIR[:1], topology=Topology(parts=(POSTGRES, PAYMENTS, CACHE, QUEUE)))
DIRECTIONS = ("downstream", "upstream")
FAULTS_BY_DIRECTION: list[StateFault] = [
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
FAULTS_OF_CACHE_AND_QUEUE: list[StateFault] = [
    fault
    for link in (CACHE, QUEUE)
    for direction in DIRECTIONS
    for fault in (
        Latency(link=link, latency_ms=60, direction=direction),
        Bandwidth(link=link, rate_kb_s=100, direction=direction),
        SlowClose(link=link, delay_ms=300, direction=direction),
        Timeout(link=link, direction=direction),
        ResetPeer(link=link, direction=direction),
        Slicer(link=link, average_size_bytes=64, size_variation_bytes=32, direction=direction),
        LimitData(link=link, limit_bytes=1_000, direction=direction),
    )
]
EVERY_FAULT = [
    *FAULTS_BY_DIRECTION,
    *FAULTS_OF_CACHE_AND_QUEUE,
    *(Down(link=link) for link in (DATABASE, PAYMENTS, CACHE, QUEUE)),
]


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory, needs_local: None) -> Iterator[LocalTestbed]:
    testbed = LocalTestbed(STACK, BOOKING, tmp_path_factory.mktemp("state"))
    try:
        testbed.up(Heard())
        for link in (DATABASE, PAYMENTS, CACHE, QUEUE):
            probed(testbed, Noop(link=link))  # the first probes of a server that has just started are slow
        yield testbed
    finally:
        testbed.down()


def probed(testbed: LocalTestbed, fault: StateFault) -> Seen:
    """What the run's own probe sees of the link now."""
    scenario = a_scenario(faults=(fault,))
    plan = RunPlan(stack=STACK, scenario=scenario, workload=BOOKING, phases=PHASES, seed=1)
    configs = observe(NAIVE, plan, testbed.targets(NAIVE))["probes"]
    (config,) = (one for one in configs if one["target"] == str(fault.target()))
    t0 = time.monotonic()

    async def all_probes() -> list[Sample]:
        async def one(number: int) -> Sample:
            await asyncio.sleep(number * INTERVAL_S)
            return structured(await probe(config, t0), Sample)

        return await asyncio.gather(*map(one, range(COUNT)))

    return Seen(samples=asyncio.run(all_probes()))


def each() -> list[Any]:
    """Every fault; in CI without those of the link to the queue, a TCP link like the one to the cache."""
    return [
        pytest.param(
            fault, id=fault.describe(), marks=[pytest.mark.long] if fault.target().name == QUEUE else []
        )
        for fault in EVERY_FAULT
    ]


@pytest.mark.parametrize("fault", each())
def test_a_fault_is_echoed_bites_and_heals(testbed: LocalTestbed, fault: StateFault) -> None:
    """A busy machine can spoil a try, but not all of them."""
    problems: list[str] = []
    while len(problems) < TRIES_MAX and "" not in problems:
        problems.append(problem(testbed, fault))
    assert "" in problems, problems


def problem(testbed: LocalTestbed, fault: StateFault) -> str:
    """What the probes fail to show of the fault, or of its healing; "" if nothing."""
    link = testbed.actuator(NAIVE, fault.target())
    before = probed(testbed, fault)
    try:
        assert link.set(fault.state()) == fault.state()
        during = probed(testbed, fault)
        assert link.get() == fault.state()
    finally:
        assert link.set(LinkState()) == LinkState()
    after = probed(testbed, fault)
    shown, healed = fault.observed(before, during), fault.healed(before, during, after)
    if not shown.proved:
        return f"not observed: {shown}, {during}"
    if not healed.proved:
        return f"not healed: {healed}, {after}"
    still = not isinstance(fault, Noop) and "only the proxy reports it" not in shown.sentence
    return "observed after healing" if still and fault.observed(before, after).proved else ""


def test_no_fault_of_a_link_is_left_out() -> None:
    of_links = {fault for fault in FAULTS if issubclass(fault, LinkFault)}
    assert {type(fault) for fault in EVERY_FAULT} == of_links
