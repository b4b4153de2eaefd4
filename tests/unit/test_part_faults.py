"""Each fault of a part: what it asks, what it refuses, and that looks show it only where it was applied."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.faults import FAULTS, CpuLimit, DescriptorLimit, Kill, MemoryLimit, Pause, Stop
from lab.faults.parts.members import PartFault
from lab.model import (
    ALL,
    POSTGRES,
    SERVICE,
    ActionFault,
    Burst,
    Fault,
    KillMembers,
    LabError,
    Life,
    PartSample,
    PartState,
    Proof,
    Seen,
    StateFault,
    a_part,
)

MIB = 1024 * 1024
Looks = Sequence[PartSample]

STATES = [
    (Stop(part=POSTGRES), PartState(life=Life.DEAD, grace_s=2.0)),
    (Pause(part=SERVICE), PartState(life=Life.PAUSED)),
    (CpuLimit(part=SERVICE, cpus=0.25), PartState(cpus=0.25)),
    (MemoryLimit(part=SERVICE, memory_mib=64), PartState(memory_bytes=64 * MIB)),
    (DescriptorLimit(part=SERVICE, descriptors=32), PartState(descriptors=32)),
]


def looks(
    start_s: float = 0.0, *, member: str = "1", pid: int = 7, cpus: float = 0.8, **changes: object
) -> list[PartSample]:
    """Twenty looks, five a second, at a member that runs and uses `cpus`."""
    common = {"life": Life.RUNNING, "throttled_s": 0.0, "oom_kills": 0, "descriptors": 12, **changes}
    return [
        PartSample(
            target=str(a_part(SERVICE)),
            start_s=start_s + n / 5,
            member=member,
            pid=pid,
            cpu_s=3 + cpus * n / 5,
            **common,
        )
        for n in range(20)
    ]


def throttled(share: float, **changes: object) -> list[PartSample]:
    """Looks at a member that is held back for `share` of the time."""
    return [
        replace(look, throttled_s=1 + share * look.start_s)
        for look in looks(10, cpus=0.25, cpus_max=0.25, **changes)
    ]


def killed_for_memory(kills: int) -> list[PartSample]:
    return [
        replace(look, oom_kills=kills * (n > 4)) for n, look in enumerate(looks(10, rss_max_bytes=64 * MIB))
    ]


RUNNING = looks()
DEAD = looks(10, pid=0, life=Life.DEAD)
PAUSED = looks(10, cpus=0, life=Life.PAUSED)
HITS: list[tuple[Fault, Looks]] = [
    (Kill(part=SERVICE), DEAD),
    (Kill(part=SERVICE, times=2), looks(10, pid=8)),  # a restarter was quicker than the next look
    (Stop(part=SERVICE), DEAD),
    (Pause(part=SERVICE), PAUSED),
    (CpuLimit(part=SERVICE, cpus=0.25), throttled(0.4)),
    (MemoryLimit(part=SERVICE, memory_mib=64), killed_for_memory(1)),
    (MemoryLimit(part=SERVICE, memory_mib=64), [replace(look, oom_kills=1) for look in DEAD]),
    (DescriptorLimit(part=SERVICE, descriptors=32), looks(10, descriptors=31, descriptors_max=32)),
]


def kind(value: object) -> str:
    return getattr(value, "kind", "")


def seen(samples: Looks) -> Seen:
    return Seen(samples=samples)


def observed(fault: Fault, during: Looks, before: Looks = RUNNING) -> Proof:
    return fault.observed(seen(before), seen(during))


def healed(fault: Fault, after: Looks, before: Looks = RUNNING) -> Proof:
    return fault.healed(seen(before), seen([]), seen(after))


@pytest.mark.parametrize(("fault", "state"), STATES, ids=kind)
def test_a_fault_asks_for_exactly_this(fault: StateFault, state: PartState) -> None:
    assert fault.state() == state
    assert fault.state().grace_s == state.grace_s
    assert fault.target() == a_part(fault.target().name)


def test_a_kill_is_an_action_that_leaves_damage() -> None:
    assert Kill(part=SERVICE, member="2").action() == KillMembers()
    assert Kill(part=SERVICE, member="2").target() == a_part(SERVICE, "2")
    assert Kill.leaves_damage


def test_every_fault_of_a_part_is_tested_here() -> None:
    assert {type(fault) for fault, _ in HITS} == {fault for fault in FAULTS if issubclass(fault, PartFault)}


@pytest.mark.parametrize(
    ("fault", "parameter"),
    [
        (Kill(part=SERVICE, times=0), "times"),
        (Stop(part=SERVICE, grace_s=-1), "grace_s"),
        (Stop(part=SERVICE, grace_s=4.5), "grace_s"),
        (Pause(part="moon"), "part"),
        (Pause(part=SERVICE, member="9"), "member"),
        (Pause(part=SERVICE, during=(0.5, 0.5)), "during"),
        (Pause(part=SERVICE, burst=Burst(on_s=0.01, off_s=1)), "burst"),
        (CpuLimit(part=SERVICE, cpus=0), "cpus"),
        (CpuLimit(part=SERVICE, cpus=True), "cpus"),
        (MemoryLimit(part=SERVICE, memory_mib=5), "memory_mib"),
        (MemoryLimit(part=SERVICE, memory_mib=64.5), "memory_mib"),  # type: ignore[arg-type]
        (DescriptorLimit(part=SERVICE, descriptors=7), "descriptors"),
    ],
)
def test_a_parameter_out_of_range_is_named(fault: Fault, parameter: str) -> None:
    with pytest.raises(LabError, match=parameter):
        (fault.target(), fault.action() if isinstance(fault, ActionFault) else fault.state())  # type: ignore[attr-defined]


@pytest.mark.parametrize(("fault", "during"), HITS, ids=kind)
def test_a_fault_that_acts_is_observed(fault: Fault, during: Looks) -> None:
    proof = observed(fault, during)
    assert proof.proved, proof


@pytest.mark.parametrize(("fault", "_during"), HITS, ids=kind)
def test_a_fault_that_was_never_applied_is_not_observed(fault: Fault, _during: Looks) -> None:
    assert not observed(fault, looks(10)).proved


@pytest.mark.parametrize(("fault", "during"), HITS, ids=kind)
def test_too_few_looks_prove_nothing(fault: Fault, during: Looks) -> None:
    assert not observed(fault, during[:2]).proved
    assert not observed(fault, during, RUNNING[:2]).proved
    assert not observed(fault, []).proved
    assert "--set phases.recovery_s=N" in healed(fault, looks(20)[:2]).step


@pytest.mark.parametrize(("fault", "during"), HITS, ids=kind)
def test_a_member_that_was_spared_is_noticed(fault: Fault, during: Looks) -> None:
    """The fault is meant for both replicas, and hit one."""
    before = [*RUNNING, *looks(member="2", pid=9)]
    spared = looks(10, member="2", pid=9)
    if isinstance(
        fault, MemoryLimit
    ):  # whom the limit kills is not the fault's to say, but it must be on both
        assert not observed(fault, [*during, *spared], before).proved
    assert not observed(fault, [*during, *spared], before).proved


@pytest.mark.parametrize(("fault", "during"), HITS, ids=kind)
def test_another_replica_proves_nothing(fault: PartFault, during: Looks) -> None:
    """The same looks, at a replica that the fault does not mean."""
    assert fault.member == ALL
    others = [replace(look, member="2") for look in (*RUNNING, *during)]
    mine = replace(fault, member="1")
    assert not observed(mine, [*looks(10), *others[20:]], [*RUNNING, *others[:20]]).proved


@pytest.mark.parametrize(
    ("fault", "during"),
    [
        (Pause(part=SERVICE), DEAD),
        (Pause(part=SERVICE), [*PAUSED[:10], *looks(12)]),  # half of the time
        (Stop(part=SERVICE), PAUSED),
        (CpuLimit(part=SERVICE, cpus=0.25), throttled(0.0)),  # nothing was held back
        (CpuLimit(part=SERVICE, cpus=0.25), [replace(look, cpus_max=1.0) for look in throttled(0.4)]),
        (
            CpuLimit(part=SERVICE, cpus=0.25),
            [replace(look, cpu_s=look.start_s) for look in throttled(0.4)],
        ),  # used 1.0
        (CpuLimit(part=SERVICE, cpus=0.25), [replace(look, cpu_s=None) for look in throttled(0.4)]),
        (MemoryLimit(part=SERVICE, memory_mib=64), killed_for_memory(0)),  # a limit that nobody reached
        (MemoryLimit(part=SERVICE, memory_mib=32), killed_for_memory(1)),  # another limit
        (DescriptorLimit(part=SERVICE, descriptors=32), looks(10, descriptors=12, descriptors_max=32)),
        (DescriptorLimit(part=SERVICE, descriptors=32), looks(10, descriptors=40, descriptors_max=1024)),
    ],
    ids=kind,
)
def test_another_failure_is_not_taken_for_the_fault(fault: Fault, during: Looks) -> None:
    assert not observed(fault, during).proved


def test_the_number_of_a_proof_that_failed_is_the_one_that_failed() -> None:
    """It was throttled for long enough, and yet the fault was not observed."""
    used = [replace(look, cpu_s=look.start_s) for look in throttled(0.4)]
    found = observed(CpuLimit(part=SERVICE, cpus=0.25), used)
    assert (found.value, found.unit) == (pytest.approx(1.0), "CPUs")
    for fault, during in (
        (CpuLimit(part=SERVICE, cpus=0.25), [replace(look, cpus_max=1.0) for look in throttled(0.4)]),
        (MemoryLimit(part=SERVICE, memory_mib=32), killed_for_memory(1)),
        (DescriptorLimit(part=SERVICE, descriptors=32), looks(10, descriptors=40, descriptors_max=1024)),
    ):
        found = observed(fault, during)
        assert (found.proved, found.value) == (False, None)
        assert found.sentence.endswith("but the limit was not always in force")


@pytest.mark.parametrize(
    ("fault", "during", "parameter"),
    [
        (CpuLimit(part=SERVICE, cpus=0.25), throttled(0.0), "cpus"),
        (MemoryLimit(part=SERVICE, memory_mib=64), killed_for_memory(0), "memory_mib"),
        (DescriptorLimit(part=SERVICE, descriptors=32), looks(10, descriptors_max=32), "descriptors"),
    ],
    ids=kind,
)
def test_a_limit_that_nobody_reached_is_to_be_lowered(fault: Fault, during: Looks, parameter: str) -> None:
    assert f"lower it with --set fault.{parameter}=N" in observed(fault, during).step


def test_what_was_so_before_proves_nothing() -> None:
    assert not observed(Pause(part=SERVICE), PAUSED, looks(life=Life.PAUSED)).proved
    found = observed(Stop(part=SERVICE), DEAD, looks(life=Life.DEAD))
    assert (found.proved, found.value, found.limit) == (False, 1.0, 0)


def test_a_limit_that_killed_at_once_counts_from_before_the_fault() -> None:
    """The kernel killed while the limit was being set: every look within the fault has the same count."""
    at_once = looks(10, oom_kills=1, rss_max_bytes=64 * MIB)
    assert observed(MemoryLimit(part=SERVICE, memory_mib=64), at_once).proved


def test_a_kernel_that_counts_for_each_core_is_not_told_as_more_than_all_of_the_time() -> None:
    proof = observed(CpuLimit(part=SERVICE, cpus=0.25), throttled(1.4))
    assert proof.proved
    assert "100 % of the time" in proof.sentence


def test_a_restart_takes_nothing_from_what_was_counted() -> None:
    """A worker was killed, and the CPU time of the part begins anew."""
    again = [
        replace(look, cpu_s=look.cpu_s - 3 if n > 9 else look.cpu_s) for n, look in enumerate(throttled(0.4))
    ]
    assert observed(CpuLimit(part=SERVICE, cpus=0.25), again).proved


@pytest.mark.parametrize(("fault", "_during"), HITS, ids=kind)
def test_a_part_that_runs_as_before_is_healed(fault: Fault, _during: Looks) -> None:
    assert healed(fault, looks(20)).proved
    assert healed(fault, [*DEAD[:6], *looks(22, pid=8)]).proved  # it took a second to start


@pytest.mark.parametrize(("fault", "_during"), HITS, ids=kind)
@pytest.mark.parametrize(
    "after",
    [
        DEAD,
        PAUSED,
        [*looks(20), *looks(24, pid=0, life=Life.DEAD)[:1]],  # it ended again
        [*looks(20), *looks(24, pid=8)[:10]],  # started again only a moment ago
    ],
    ids=["dead", "paused", "ended again", "restarted late"],
)
def test_a_part_that_does_not_run_is_not_healed(fault: Fault, _during: Looks, after: Looks) -> None:
    assert not healed(fault, after).proved


@pytest.mark.parametrize(
    ("fault", "limit"),
    [
        (CpuLimit(part=SERVICE, cpus=0.25), {"cpus_max": 0.25}),
        (MemoryLimit(part=SERVICE, memory_mib=64), {"rss_max_bytes": 64 * MIB}),
        (DescriptorLimit(part=SERVICE, descriptors=32), {"descriptors_max": 32}),
    ],
    ids=kind,
)
def test_a_limit_that_stayed_is_not_healed(fault: Fault, limit: dict[str, float]) -> None:
    assert not healed(fault, looks(20, **limit)).proved
    assert healed(fault, looks(20, **limit), looks(**limit)).proved  # it had that limit all along


def test_states_of_one_part_add_up() -> None:
    both = Pause(part=SERVICE).state().plus(CpuLimit(part=SERVICE, cpus=0.5).state())
    assert both.plus(CpuLimit(part=SERVICE, cpus=0.25).state()) == PartState(life=Life.PAUSED, cpus=0.25)


def test_the_grace_of_a_stop_is_no_part_of_the_state() -> None:
    assert Stop(part=POSTGRES, grace_s=0).state() == Stop(part=POSTGRES, grace_s=2).state()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Kill(part=SERVICE, times=3), "the service killed 3 times"),
        (Kill(part=SERVICE, member="2"), "replica 2 of the service killed"),
        (Stop(part=POSTGRES), "the database stopped within 2 s, later restarted"),
        (Stop(part=POSTGRES, grace_s=0), "the database stopped at once, later restarted"),
        (Pause(part=SERVICE, burst=Burst(on_s=0.5, off_s=1)), "the service paused in bursts (about 0.5 s on, 1 s off)"),
        (CpuLimit(part=SERVICE, cpus=0.25), "the service limited to 0.25 CPUs"),
        (MemoryLimit(part=SERVICE, memory_mib=64), "the service limited to 64 MiB of memory"),
        (DescriptorLimit(part=SERVICE, descriptors=32), "each process of the service limited to 32 descriptors"),
    ],
    ids=kind,
)  # fmt: skip
def test_a_description_says_who_and_how_much(fault: Fault, words: str) -> None:
    assert fault.describe() == words
