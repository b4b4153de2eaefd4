"""Each fault of a link: what it asks of the proxy, what it refuses, and that a probe shows it only where it was."""

from collections.abc import Sequence
from dataclasses import replace

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
from lab.model import DATABASE, PAYMENTS, Burst, Fault, LabError, LinkSample, LinkState, Proof, Seen, Toxic
from tests.fabricated.evidence import probe

QUIET = [probe(n / 10, answer_ms=2 + n % 3) for n in range(30)]


def slower(samples: list[LinkSample], by_ms: float) -> list[LinkSample]:
    return [
        replace(
            sample,
            first_byte_ms=sample.first_byte_ms + by_ms,
            last_byte_ms=sample.last_byte_ms + by_ms,
            closed_ms=sample.closed_ms + by_ms,
        )
        for sample in samples
    ]


def failed(error: str, count: int = 20, **changes: object) -> list[LinkSample]:
    return [probe(n / 10, error=error, **changes) for n in range(count)]


def observed(fault: Fault, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
    return fault.observed(Seen(samples=before), Seen(samples=during))


def toxic(kind: str, stream: str = "downstream", **attributes: int) -> LinkState:
    return LinkState(toxics=(Toxic(type=kind, stream=stream, attributes=attributes),))


STATES = [
    (Latency(link=DATABASE, latency_ms=100), toxic("latency", latency=100, jitter=0)),
    (Latency(link=DATABASE, latency_ms=60, jitter_ms=55, direction="upstream"),
     toxic("latency", "upstream", latency=60, jitter=55)),
    (Bandwidth(link=DATABASE, rate_kb_s=100), toxic("bandwidth", rate=100)),
    (SlowClose(link=DATABASE, delay_ms=6_000), toxic("slow_close", delay=6_000)),
    (Timeout(link=DATABASE), toxic("timeout", timeout=0)),
    (ResetPeer(link=PAYMENTS), toxic("reset_peer", timeout=0)),
    (Slicer(link=DATABASE, average_size_bytes=64, size_variation_bytes=32, delay_us=2_000),
     toxic("slicer", average_size=64, size_variation=32, delay=2_000)),
    (LimitData(link=DATABASE, limit_bytes=100), toxic("limit_data", bytes=100)),
    (Noop(link=DATABASE), toxic("noop")),
    (Down(link=DATABASE), LinkState(enabled=False)),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "state"), STATES, ids=lambda value: getattr(value, "kind", ""))
def test_a_fault_asks_the_proxy_for_exactly_this(fault: Fault, state: LinkState) -> None:
    assert fault.state() == state


def test_every_fault_of_a_link_is_tested_here() -> None:
    assert {type(fault) for fault, _ in STATES} == {fault for fault in FAULTS if issubclass(fault, LinkFault)}


@pytest.mark.parametrize(
    ("fault", "parameter"),
    [
        (Latency(link=DATABASE, latency_ms=0), "latency_ms"),
        (Latency(link=DATABASE, latency_ms=60_001), "latency_ms"),
        (Latency(link=DATABASE, latency_ms=10, jitter_ms=11), "jitter_ms"),
        (Latency(link=DATABASE, latency_ms=1.5), "latency_ms"),  # type: ignore[arg-type]
        (Latency(link=DATABASE, latency_ms=True), "latency_ms"),
        (Latency(link=DATABASE, latency_ms=10, direction="sideways"), "direction"),
        (Latency(link="moon", latency_ms=10), "link"),
        (Latency(link=DATABASE, latency_ms=10, during=(0.5, 0.5)), "during"),
        (Latency(link=DATABASE, latency_ms=10, during=(0.0, 1.1)), "during"),
        (Down(link=DATABASE, burst=Burst(on_s=0, off_s=1)), "burst"),
        (Down(link="moon"), "link"),
        (Bandwidth(link=DATABASE, rate_kb_s=0), "rate_kb_s"),
        (SlowClose(link=DATABASE, delay_ms=0), "delay_ms"),
        (Timeout(link=DATABASE, timeout_ms=-1), "timeout_ms"),
        (ResetPeer(link=DATABASE, timeout_ms=10_000), "timeout_ms"),
        (Slicer(link=DATABASE, average_size_bytes=0), "average_size_bytes"),
        (Slicer(link=DATABASE, average_size_bytes=10, size_variation_bytes=10), "size_variation_bytes"),
        (Slicer(link=DATABASE, average_size_bytes=10, delay_us=0), "delay_us"),
        (LimitData(link=DATABASE, limit_bytes=-1), "limit_bytes"),
    ],
)
def test_a_parameter_out_of_range_is_named(fault: Fault, parameter: str) -> None:
    with pytest.raises(LabError, match=parameter):
        fault.state()


# What a probe sees where the fault acts: (fault, samples before, samples during).
SEEN = [
    (Latency(link=DATABASE, latency_ms=100), QUIET, slower(QUIET, 201)),
    (Latency(link=DATABASE, latency_ms=100, direction="upstream"), QUIET, slower(QUIET, 201)),
    (Latency(link=DATABASE, latency_ms=100), QUIET, slower(QUIET, 222)),  # a busy machine
    (Latency(link=PAYMENTS, latency_ms=100), QUIET, slower(QUIET, 101)),
    (Bandwidth(link=DATABASE, rate_kb_s=100), [replace(s, received_bytes=30_400) for s in QUIET], slower(QUIET, 320)),
    (Bandwidth(link=DATABASE, rate_kb_s=100, direction="upstream"), QUIET, slower(QUIET, 310)),
    (SlowClose(link=DATABASE, delay_ms=700), QUIET, [replace(s, closed_ms=s.closed_ms + 701) for s in QUIET]),
    (Timeout(link=DATABASE), QUIET, failed("timeout")),
    (Timeout(link=DATABASE, direction="upstream"), QUIET, failed("timeout")),
    (Timeout(link=DATABASE, timeout_ms=500), QUIET, failed("closed")),
    (ResetPeer(link=DATABASE), QUIET, failed("reset")),
    (ResetPeer(link=DATABASE, direction="upstream"), QUIET, failed("reset")),
    (Slicer(link=DATABASE, average_size_bytes=64), [replace(s, received_bytes=1_024) for s in QUIET],
     [replace(s, received_bytes=1_024, chunks=15) for s in QUIET]),
    (Slicer(link=DATABASE, average_size_bytes=64, direction="upstream"), QUIET, slower(QUIET, 150)),
    (LimitData(link=DATABASE, limit_bytes=100), QUIET, failed("closed", received_bytes=100)),
    (LimitData(link=DATABASE, limit_bytes=100, direction="upstream"), QUIET, failed("closed", received_bytes=400)),
    (Down(link=DATABASE), QUIET, failed("refused", connect_ms=None)),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "before", "during"), SEEN, ids=lambda value: getattr(value, "kind", ""))
def test_a_fault_that_acts_is_observed(
    fault: Fault, before: list[LinkSample], during: list[LinkSample]
) -> None:
    proof = observed(fault, before, during)
    assert proof.proved, proof


@pytest.mark.parametrize(("fault", "before", "_during"), SEEN, ids=lambda value: getattr(value, "kind", ""))
def test_a_fault_that_was_never_applied_is_not_observed(
    fault: Fault, before: list[LinkSample], _during: list[LinkSample]
) -> None:
    assert not observed(fault, before, before[::-1]).proved


@pytest.mark.parametrize(("fault", "before", "during"), SEEN, ids=lambda value: getattr(value, "kind", ""))
def test_too_few_probes_prove_nothing(
    fault: Fault, before: list[LinkSample], during: list[LinkSample]
) -> None:
    assert not observed(fault, before, during[:2]).proved
    assert not observed(fault, before[:2], during).proved


@pytest.mark.parametrize(
    ("fault", "during"),
    [
        (Latency(link=DATABASE, latency_ms=100), slower(QUIET, 100)),  # one way of two
        (Latency(link=DATABASE, latency_ms=100), slower(QUIET, 300)),
        (Latency(link=DATABASE, latency_ms=100), failed("timeout")),
        (Latency(link=DATABASE, latency_ms=5), slower(QUIET, 1)),  # slack never reaches half of the effect
        (SlowClose(link=DATABASE, delay_ms=700), slower(QUIET, 700)),  # late data is not a late close
        (Timeout(link=DATABASE), failed("refused", connect_ms=None)),  # a closed door is not a blackhole
        (Timeout(link=DATABASE), failed("timeout", connect_ms=None)),
        (Timeout(link=DATABASE), [*failed("timeout"), QUIET[0]]),  # one answer got through
        (ResetPeer(link=DATABASE), failed("closed")),  # an end of file is not a reset
        (LimitData(link=DATABASE, limit_bytes=100), failed("closed", received_bytes=101)),
        (Down(link=DATABASE), failed("timeout")),
        (Slicer(link=DATABASE, average_size_bytes=64, direction="upstream"), failed("timeout")),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_another_failure_is_not_taken_for_the_fault(fault: Fault, during: list[LinkSample]) -> None:
    assert not observed(fault, QUIET, during).proved


def test_a_link_that_was_broken_before_proves_nothing() -> None:
    assert not observed(Timeout(link=DATABASE), failed("timeout"), failed("timeout")).proved


def test_the_null_fault_is_observed_as_nothing() -> None:
    assert observed(Noop(link=DATABASE), QUIET, QUIET).proved
    assert not observed(Noop(link=DATABASE), QUIET, failed("timeout")).proved


def test_what_no_client_notices_rests_on_the_echo_and_says_so() -> None:
    proof = observed(SlowClose(link=DATABASE, delay_ms=700, direction="upstream"), QUIET, QUIET)
    assert proof.proved
    assert "only the proxy reports it" in proof.sentence


def test_the_probe_waits_longer_than_the_fault_delays_it() -> None:
    assert Latency(link=DATABASE, latency_ms=2_000).probe().timeout_s > 2 * 2.0
    assert SlowClose(link=DATABASE, delay_ms=6_000).probe().timeout_s > 6
    assert Timeout(link=DATABASE, timeout_ms=3_000).probe().timeout_s > 3


def test_a_description_tells_amount_place_and_rhythm() -> None:
    assert (
        Latency(link=DATABASE, latency_ms=100).describe()
        == "100 ms of latency on the way back from the database"
    )
    assert "to the payments dependency" in Timeout(link=PAYMENTS, direction="upstream").describe()
    assert "0.3 s on" in Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=0.9)).describe()
