"""What somebody else did to the machine, or to a server of a twin, makes the run invalid and says so."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lab.faults import DropSessions, Kill, MemoryLimit
from lab.judge.gates import spoiled_by_the_machine
from lab.judge.gates.machine import FOREIGN_CPU, FOREIGN_IN_A_SECOND_MAX, FOREIGN_MAX, MEMORY, READ_EVERY_S
from lab.judge.gates.servers import LIMITS_ALIKE, SAME_SERVERS
from lab.model import (
    POSTGRES,
    SERVICE,
    Fault,
    Gate,
    Life,
    Limits,
    MachineSample,
    MetricsReading,
    Restarter,
    Server,
    ServersRead,
    Topology,
)
from lab.watching import MACHINE_EVERY_S
from tests.fabricated.evidence import PAIR, PHASES, FabricatedRun, FabricatedTwin, a_run, a_scenario, quiet
from tests.fabricated.evidence import SERVERS as ALL
from tests.fabricated.gates import look
from tests.fabricated.history import ended

NEW = (FOREIGN_CPU, MEMORY, LIMITS_ALIKE, SAME_SERVERS)
AT_S = 11.0


def run_of(**scenario: object) -> FabricatedRun:
    return a_run(a_scenario(**scenario), *(FabricatedTwin(plan=plan) for plan in PAIR))


def failed(run: FabricatedRun) -> list[Gate]:
    return [gate for gate in look(run) if gate.name in NEW and not gate.passed]


def names(run: FabricatedRun) -> set[str]:
    return {gate.name for gate in failed(run)}


def seen(run: FabricatedRun, changed: Mapping[str, Server], at_s: float = AT_S) -> FabricatedRun:
    """`changed` was read of the second twin's servers at `at_s`."""
    twin = run.twins[1]
    twin.events = sorted(
        [*twin.events, ServersRead(twin=twin.twin, at_s=at_s, changed=changed)],
        key=lambda event: getattr(event, "at_s", 0.0),
    )
    return run


def busy(samples: list[MachineSample], from_s: float, lasts_s: float, cores: float) -> list[MachineSample]:
    """Somebody else used `cores` cores more, for a while."""
    return [
        replace(one, busy_s=one.busy_s + cores * min(max(0.0, one.at_s - from_s), lasts_s)) for one in samples
    ]


def test_a_quiet_machine_passes() -> None:
    assert failed(run_of()) == []


@pytest.mark.parametrize(
    ("from_s", "lasts_s", "cores"),
    [
        (8.0, 0.5, 1.0),
        (8.2, 0.5, 1.0),
        (12.7, 1.0, 0.6),
        (3.0, 20.0, 0.2),
        (3.0, 26.0, 0.1),
        (3.5, 2.0, 2.0),
        (PHASES.load_s - 1.0, 1.0, 1.0),
    ],
)
def test_half_a_second_of_one_core_is_noticed_and_so_is_a_little_all_the_time(
    from_s: float, lasts_s: float, cores: float
) -> None:
    run = run_of()
    run.machine = busy(quiet(), from_s, lasts_s, cores)
    (gate,) = failed(run)
    assert gate.name == FOREIGN_CPU
    assert "Other programs used" in gate.sentence
    assert "Close other programs" in gate.sentence
    assert spoiled_by_the_machine([gate])


@pytest.mark.parametrize(("lasts_s", "cores"), [(2.0, 1.0), (1.0, 0.5), (26.0, 0.1)])
def test_of_many_cores_none_may_be_taken_for_long(lasts_s: float, cores: float) -> None:
    """A core that is burnt for two seconds is an eighth of eight cores."""
    run = run_of()
    run.machine = busy([replace(one, cores=8) for one in quiet()], 3.0, lasts_s, cores)
    (gate,) = failed(run)
    assert gate.name == FOREIGN_CPU
    assert gate.limit in (0.4 / 8, 0.1 / 8)
    assert "of the twins' 8 cores, " in gate.sentence
    assert "(limit 5 %, 0.40)" in gate.sentence


def test_of_one_core_and_of_two_the_share_counts() -> None:
    run = run_of()
    run.machine = busy(quiet(), 8.0, 1.0, 0.36)
    assert failed(run) == []
    run.machine = busy([replace(one, cores=1) for one in quiet()], 8.0, 1.0, 0.3)
    (gate,) = failed(run)
    assert (gate.name, gate.limit) == (FOREIGN_CPU, FOREIGN_IN_A_SECOND_MAX)


def test_what_the_host_of_a_virtual_machine_took_is_told_apart() -> None:
    run = run_of()
    run.machine = [replace(one, stolen_s=0.15 * one.at_s) for one in busy(quiet(), 3.0, 20.0, 0.2)]
    (gate,) = failed(run)
    assert gate.name == FOREIGN_CPU
    assert "7.5 % of the cores taken by the host of this virtual machine (steal)." in gate.sentence


def test_a_twin_that_uses_up_its_cores_is_a_finding() -> None:
    run = run_of()
    run.machine = [replace(one, busy_s=2 * one.at_s, ours_s=1.97 * one.at_s) for one in quiet()]
    assert failed(run) == []


def saturated(*slow: tuple[float, float]) -> list[MachineSample]:
    """The twins use up both cores. `slow`: the reading that is due at an instant takes so long, as it does in S03 on
    Docker: our counters are read at once, the machine's at the end, and all later samples are later."""
    samples = [replace(one, busy_s=2 * one.at_s, ours_s=1.98 * one.at_s) for one in quiet()]
    for due_s, lasts_s in slow:
        number = next(number for number, one in enumerate(samples) if one.at_s >= due_s)
        for later, one in enumerate(samples[number:]):
            samples[number + later] = replace(
                one,
                at_s=one.at_s + lasts_s,
                busy_s=one.busy_s + 2 * lasts_s,
                ours_s=one.ours_s + (1.98 * lasts_s if later else 0.0),
            )
    return samples


@pytest.mark.parametrize(
    "slow",
    [
        ((12.0, 0.6),),
        ((12.0, 0.6), (15.0, 1.4)),
        ((12.0, 0.9), (13.3, 0.9)),
        ((28.0, 0.9),),
        ((2.6, 0.6),),
    ],
    ids=["once", "twice", "two in a row", "the last of the recovery", "the first of the baseline"],
)
def test_what_the_twins_use_during_a_reading_is_not_foreign(slow: tuple[tuple[float, float], ...]) -> None:
    run = run_of()
    run.machine = saturated(*slow)
    (gate,) = (gate for gate in look(run) if gate.name == FOREIGN_CPU)
    assert gate.passed
    assert gate.value is not None
    assert gate.value < 0.03


def test_the_gate_knows_how_often_the_lab_looks() -> None:
    assert READ_EVERY_S == MACHINE_EVERY_S


@pytest.mark.parametrize("from_s", [10.5, 11.7, 12.5, 27.4])
def test_a_slow_reading_hides_nothing_that_is_foreign(from_s: float) -> None:
    run = run_of()
    run.machine = busy(saturated((12.0, 0.6), (28.0, 0.5)), from_s, 1.0, 1.0)
    assert names(run) == {FOREIGN_CPU}


def counted_later(samples: list[MachineSample], from_s: float, seconds: float) -> list[MachineSample]:
    """From then on, ours are said to have used so much more."""
    return [replace(one, ours_s=one.ours_s + seconds * (one.at_s >= from_s)) for one in samples]


@pytest.mark.parametrize(
    ("samples", "from_s"), [(quiet(), 13.0), (quiet()[::2], 17.0)], ids=["no reading was slow", "too late"]
)
def test_what_no_slow_reading_explains_is_not_taken_back(samples: list[MachineSample], from_s: float) -> None:
    run = run_of()
    run.machine = counted_later(busy(samples, 12.0, 0.5, 2.0), from_s, 1.0)
    assert names(run) == {FOREIGN_CPU}


def test_samples_in_any_order_are_judged_without_an_error() -> None:
    run = run_of()
    run.machine = list(reversed(quiet()))
    assert FOREIGN_CPU in names(run)


def test_a_burst_in_the_last_second_is_noticed_even_if_ours_leap_after_it() -> None:
    """On Docker they do: the programs of the load have ended, and count for the engine, too."""
    run = run_of()
    run.machine = counted_later(busy(quiet(), 28.0, 1.0, 1.0), PHASES.load_s + 0.1, 3.4)
    assert names(run) == {FOREIGN_CPU}


def test_what_happens_in_the_warm_up_or_after_the_load_is_nobodys_business() -> None:
    run = run_of()
    run.machine = busy(busy(quiet(), 0.0, 2.5, 2.0), PHASES.load_s, 2.0, 2.0)
    assert failed(run) == []


def test_a_machine_that_nobody_looked_at_cannot_be_trusted() -> None:
    run = run_of()
    run.machine = []
    assert names(run) == {FOREIGN_CPU, MEMORY}


def test_a_gap_in_the_record_hides_whatever_happened_in_it() -> None:
    for cut in ((8.0, 10.5), (-1.0, 3.0), (20.0, 99.0)):
        run = run_of()
        run.machine = [one for one in run.machine if not cut[0] < one.at_s < cut[1]]
        (gate,) = failed(run)
        assert (gate.name, gate.value) == (FOREIGN_CPU, None)
        assert "no record of what else used the twins' cores between" in gate.sentence


def test_a_record_counts_whatever_system_the_manifest_names() -> None:
    run = run_of()
    run.manifest = replace(run.manifest, machine={"system": "Darwin"})
    run.machine = busy(list(run.machine), 8.0, 1.0, 1.0)
    assert names(run) == {FOREIGN_CPU}


def test_a_system_that_does_not_tell_says_so() -> None:
    run = run_of()
    run.machine, run.manifest = [], replace(run.manifest, machine={"system": "Darwin"})
    assert failed(run) == []
    assert {gate.sentence for gate in look(run) if gate.name == FOREIGN_CPU} == {
        "This system does not report what else ran on it."
    }


@pytest.mark.parametrize("change", [{"swapped_bytes": 30_000_000}, {"oom_kills": 1}])
def test_a_machine_without_memory_is_noticed(change: dict[str, int]) -> None:
    run = run_of()
    run.machine = [replace(one, **change) if one.at_s > AT_S else one for one in quiet()]  # type: ignore[arg-type]
    (gate,) = failed(run)
    assert gate.name == MEMORY
    assert gate.value is not None
    assert gate.limit is not None
    assert gate.value > gate.limit
    assert spoiled_by_the_machine([gate])


def test_a_scenario_that_limits_memory_may_have_something_killed() -> None:
    run = run_of(faults=(MemoryLimit(part=SERVICE, memory_mib=64),))
    run.machine = [replace(one, oom_kills=int(one.at_s > AT_S)) for one in quiet()]
    assert MEMORY not in names(run)


def with_kills(part: str, **scenario: object) -> set[str]:
    """The gates that fail after the kernel has killed a process of `part` in the second twin."""
    killed = {part: replace(ALL[part], oom_kills=1)}
    run = run_of(**scenario)
    run.machine = [replace(one, oom_kills=int(one.at_s > AT_S)) for one in quiet()]
    return names(seen(seen(run, {part: replace(ALL[part], oom_kills=0)}, 1.0), killed))


LITTLE, SLOW = Limits(memory_mib=64), Limits(cpus=0.5)


@pytest.mark.parametrize(
    ("part", "scenario", "noticed"),
    [
        ("service/1", {"topology": Topology(limits={SERVICE: SLOW})}, True),
        ("service/1", {"topology": Topology(limits={SERVICE: LITTLE})}, False),
        ("postgres/1", {"topology": Topology(limits={SERVICE: LITTLE})}, True),
        ("service/1", {"faults": (MemoryLimit(part=SERVICE, memory_mib=64),)}, False),
        ("postgres/1", {"faults": (MemoryLimit(part=SERVICE, memory_mib=64),)}, True),
    ],
    ids=["CPU only", "its limit", "another's limit", "its fault", "another's fault"],
)
def test_only_a_part_whose_memory_is_limited_may_have_something_killed(
    part: str, scenario: dict[str, object], noticed: bool
) -> None:
    assert (MEMORY in with_kills(part, **scenario)) is noticed


def test_a_kill_that_only_the_containers_counters_show_is_noticed_and_named() -> None:
    """The kernel of the engine may be another one than that of the machine."""
    run = seen(run_of(), {"service/1": replace(ALL["service/1"], oom_kills=2)}, 1.0)
    run = seen(run, {"service/1": replace(ALL["service/1"], oom_kills=3)})
    run = seen(run, {"service/1": replace(ALL["service/1"], oom_kills=0)}, AT_S + 1)  # a new container
    (gate,) = failed(run)
    assert (gate.name, gate.value, gate.limit, gate.unit) == (MEMORY, 1, 0, "killed")
    assert "killed 1 process for lack of memory. One was in service/1 of the hardened twin." in gate.sentence


SERVER = ALL["postgres/1"]


@pytest.mark.parametrize(
    ("changed", "gate", "word"),
    [
        (replace(SERVER, pid=999), SAME_SERVERS, "replaced"),
        (replace(SERVER, born_s=2.0), SAME_SERVERS, "replaced"),
        (replace(SERVER, pid=0, life=Life.DEAD), SAME_SERVERS, "gone"),
        (replace(SERVER, life=Life.PAUSED), SAME_SERVERS, "paused"),
        (replace(SERVER, cpus_max=0.1), LIMITS_ALIKE, "CPU limit"),
        (replace(SERVER, cores="1"), LIMITS_ALIKE, "cores"),
        (replace(SERVER, memory_max_bytes=1_000), LIMITS_ALIKE, "memory limit"),
        (replace(SERVER, descriptors_max=10), LIMITS_ALIKE, "descriptor limit"),
        (replace(SERVER, throttled_s=0.4), LIMITS_ALIKE, "throttled"),
    ],
)
def test_what_was_done_to_a_server_is_noticed(changed: Server, gate: str, word: str) -> None:
    (found,) = failed(seen(run_of(), {"postgres/1": changed}))
    assert found.name == gate
    assert word in found.sentence
    assert "at 11.0 s" in found.sentence


def test_a_server_that_came_back_was_gone_all_the_same() -> None:
    run = seen(run_of(), {"postgres/1": replace(SERVER, life=Life.PAUSED)})
    assert names(seen(run, {"postgres/1": SERVER}, AT_S + 1)) == {SAME_SERVERS}


def with_ended_sessions(run: FabricatedRun) -> FabricatedRun:
    """Somebody ended three sessions of the second twin's database."""
    run.twins[1].final = ended(counters=[])
    run.twins[1].final["counters"] = [{"deadlocks": 0, "sessions_killed": 3}]
    return run


def test_sessions_that_somebody_ended_are_noticed() -> None:
    (gate,) = failed(with_ended_sessions(run_of()))
    assert gate.name == SAME_SERVERS
    assert "somebody ended 3 sessions of the database" in gate.sentence.lower()


@pytest.mark.parametrize("fault", [DropSessions(), Kill(part=POSTGRES)])
def test_sessions_may_end_where_a_fault_ends_them(fault: Fault) -> None:
    assert SAME_SERVERS not in names(with_ended_sessions(run_of(faults=(fault,))))


def with_workers(run: FabricatedRun) -> FabricatedRun:
    """The second twin's service had two workers, and started a third one."""
    run.twins[1].metrics = [
        MetricsReading(
            at_s=at_s, ok=bool(started), samples={"worker_starts_total": started} if started else {}
        )
        for at_s, started in ((AT_S - 1, 2.0), (AT_S - 0.5, 0.0), (AT_S, 3.0), (AT_S + 1, 3.0))
    ]
    return run


def test_a_worker_that_was_replaced_is_noticed() -> None:
    (found,) = failed(with_workers(run_of()))
    assert (found.name, found.value) == (SAME_SERVERS, 1)
    assert "worker of service/1 was replaced before 11.0 s" in found.sentence


def test_a_worker_may_be_replaced_where_the_scenario_kills_some() -> None:
    assert failed(with_workers(run_of(faults=(Kill(part=SERVICE),)))) == []


def test_an_own_limit_may_throttle() -> None:
    run = run_of()
    limited = {**ALL, "service/1": replace(ALL["service/1"], cpus_max=0.5)}
    for twin in run.twins:
        twin.events = [
            replace(event, changed=limited) if isinstance(event, ServersRead) and event.changed else event
            for event in twin.events
        ]
    assert failed(seen(run, {"service/1": replace(limited["service/1"], throttled_s=3.0)})) == []


def test_twins_with_different_limits_are_not_compared() -> None:
    run = run_of()
    twin = run.twins[1]
    twin.events = [
        replace(event, changed={**ALL, "service/1": replace(ALL["service/1"], cpus_max=0.5)})
        if isinstance(event, ServersRead) and event.changed
        else event
        for event in twin.events
    ]
    assert names(run) == {LIMITS_ALIKE}


def test_of_several_limits_that_differ_the_same_is_told_every_time() -> None:
    """Not one by the hash seed of the process: a verdict that is judged again must come out the same."""
    run = run_of()
    other = {"cpus_max": 0.5, "memory_max_bytes": 1, "descriptors_max": 1}
    run.twins[1].events = [
        replace(event, changed={**ALL, "service/1": replace(ALL["service/1"], **other)})
        if isinstance(event, ServersRead) and event.changed
        else event
        for event in run.twins[1].events
    ]
    (gate,) = failed(run)
    assert "CPU limit of service/1" in gate.sentence


@pytest.mark.parametrize(
    "scenario",
    [{"faults": (Kill(part=SERVICE),)}, {"topology": Topology(restarter=Restarter())}],
    ids=["a fault", "a restarter"],
)
def test_a_part_that_the_scenario_breaks_may_change(scenario: dict[str, object]) -> None:
    change = {"service/1": replace(ALL["service/1"], pid=999)}
    assert SAME_SERVERS not in names(seen(run_of(**scenario), change))
    assert SAME_SERVERS in names(seen(run_of(**scenario), {"postgres/1": replace(SERVER, pid=999)}))


def test_servers_that_were_not_watched_to_the_end_cannot_be_trusted() -> None:
    run = run_of()
    run.twins[0].events = [event for event in run.twins[0].events if not isinstance(event, ServersRead)]
    (gate,) = failed(run)
    assert gate.name == SAME_SERVERS
    assert "Find out what stopped" not in gate.sentence


def test_a_little_all_the_time_is_told_beside_the_limit_that_it_exceeds() -> None:
    run = run_of()
    run.machine = busy(list(run.machine), 3.0, 26.0, 0.2)
    (gate,) = failed(run)
    assert gate.value is not None
    assert gate.limit == FOREIGN_MAX < gate.value < FOREIGN_IN_A_SECOND_MAX
