"""The catalogue finds scenarios by name and turns their knobs, and says clearly what it does not know."""

import pytest

from lab import catalogue
from lab.checks.slos.of_phase import PhaseCheck
from lab.checks.slos.truthful_readiness import PROBES_MIN, TruthfulReadiness
from lab.faults import CpuLimit, Latency, Pause, RowLock, TableLock
from lab.judge.statistics import READINESS
from lab.model import (
    BALANCER,
    CACHE,
    DATABASE,
    FAULT,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    SERVICE,
    Fault,
    LabError,
    Limits,
    Topology,
)
from lab.plan.arrivals import plan_arrivals, surges
from lab.plan.switches import plan_switches
from lab.workload import known
from services.defences.choice import NAMES
from tests.fabricated.evidence import a_scenario

S01 = "s01-db-latency"
SEEDS = 10
NOTHING_ELSE, COME_AND_GO = "show that nothing else was wrong", "see the fault come and go"


def scenario(name: str = S01):  # type: ignore[no-untyped-def]
    return catalogue.find(name).scenario


@pytest.mark.parametrize("name", catalogue.entries())
def test_every_scenario_is_whole(name: str) -> None:
    found = scenario(name)
    assert all((found.title, found.hypothesis, found.question, found.mirrors, found.lesson))
    assert catalogue.find(name).story.endswith(".")
    assert set(found.expected) == {"naive", "hardened"}
    assert set(found.defences) <= set(NAMES)


@pytest.mark.parametrize("name", catalogue.entries())
def test_every_scenario_asks_a_question_whose_answer_is_one_of_its_choices(name: str) -> None:
    question = scenario(name).question
    assert question
    assert "".join(question.choices) in ("ab", "abc", "abcd")
    assert question.answer in question.choices
    assert question.because.endswith(".")
    first, *_ = catalogue.find(name).story.split("\n\n")
    assert "hardened" not in first, "the first line is shown to those who have not run it yet"


@pytest.mark.parametrize("name", catalogue.entries())
def test_every_scenario_takes_at_most_45_quick_seconds(name: str) -> None:
    assert scenario(name).quick.total_s <= 45


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in catalogue.entries() if scenario(name).checks])
def test_whatever_the_seed_a_quick_run_plans_enough_for_every_check(name: str) -> None:
    found, phases = scenario(name), scenario(name).quick
    checks = [check for check in found.checks if isinstance(check, PhaseCheck)]
    workload = known.find(found.workload)
    sizes = {**workload.sizes, **found.sizes}
    for seed in range(SEEDS):
        extra = surges(found.faults, plan_switches(found.faults, phases, seed))
        planned = list(plan_arrivals(found.load, phases, seed, workload, sizes, extra))
        for check in checks:
            start_s, end_s = phases.window(check.phase)
            due = [one for one in planned if start_s <= one.at_s < end_s]
            mine = [one for one in due if not check.ops or one.op in check.ops]
            assert len(mine) >= check.needed(), f"{check.title()}, seed {seed}"


@pytest.mark.thorough
def test_whatever_the_seed_a_quick_run_asks_often_enough_whether_the_twins_are_ready() -> None:
    for found in (scenario(name) for name in catalogue.entries()):
        workload, (start_s, end_s) = known.find(found.workload), found.quick.window(FAULT)
        for check in (check for check in found.checks if isinstance(check, TruthfulReadiness)):
            for seed in range(SEEDS):
                planned = plan_arrivals(
                    found.load, found.quick, seed, workload, {**workload.sizes, **found.sizes}
                )
                asked = [one.at_s for one in planned if one.op == READINESS]
                assert sum(start_s + check.at_most_s <= at_s < end_s for at_s in asked) >= PROBES_MIN + 1, (
                    seed
                )


@pytest.mark.parametrize("name", ["s01", "S01", "S01-DB-Latency"])
def test_a_scenario_is_found_by_the_start_of_its_name_in_any_case(name: str) -> None:
    assert scenario(name).name == S01


@pytest.mark.parametrize(
    ("name", "hint"), [("s01-db-latncy", "Did you mean s01-db-latency"), ("zzz", "bin/lab list")]
)
def test_an_unknown_scenario_is_answered_with_the_next_step(name: str, hint: str) -> None:
    with pytest.raises(LabError, match=hint):
        catalogue.find(name)


def configured(*settings: str):  # type: ignore[no-untyped-def]
    return catalogue.configure(scenario(), quick=True, settings=settings)


def test_a_setting_turns_its_knob_and_no_other() -> None:
    changed, phases = configured("fault.latency_ms=200", "load.rate_rps=80", "phases.fault_s=20")
    assert (changed.faults[0].latency_ms, changed.load.rate_rps, phases.fault_s) == (200, 80.0, 20.0)
    assert phases.baseline_s == scenario().quick.baseline_s


@pytest.mark.parametrize(
    ("setting", "least", "why"),
    [("phases.baseline_s=2", "2.25", NOTHING_ELSE), ("load.good_within_ms=4000", "6", NOTHING_ELSE),
     ("phases.fault_s=2", "2.7", COME_AND_GO), ("phases.recovery_s=1", "2", COME_AND_GO)],
)  # fmt: skip
def test_phases_in_which_no_run_can_be_valid_are_refused_before_it(
    setting: str, least: str, why: str
) -> None:
    with pytest.raises(LabError, match=f"it must be at least {least}, or the probes have no time to {why}"):
        configured(setting)


def test_limits_of_a_part_are_set_for_a_run_and_add_up() -> None:
    changed, _ = configured(
        "limits.service.cpus=0.5", "limits.service.memory_mib=256", "limits.postgres.cpus=2"
    )
    assert changed.topology.limits == {
        "service": Limits(cpus=0.5, memory_mib=256),
        "postgres": Limits(cpus=2.0),
    }
    assert scenario().topology.limits == {}


def test_a_setting_reaches_one_fault_by_its_number() -> None:
    changed, _ = catalogue.configure(scenario("s14"), quick=True, settings=["fault1.latency_ms=20"])
    assert changed.faults[0].latency_ms == 20
    assert changed.faults[1] == scenario("s14").faults[1]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("latency_ms=200", "Write it like"),
        ("fault.latency_ms", "Write it like"),
        ("fault.latancy_ms=200", "they have direction, jitter_ms, latency_ms\\."),
        ("fault.link=edge", "have no 'link'"),
        ("fault2.latency_ms=200", "has 1 fault"),
        ("fault.latency_ms=soon", "takes a whole number"),
        ("fault.latency_ms=-1", "latency_ms"),
        ("load.rate_rps=inf", "a number of 0 or more"),
        ("load.rate=10", "choose one of .*rate_rps"),
        ("phases.fault_s=-3", "must be a number of 0 or more"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        configured(setting)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("s01", ("fault.latency_ms=0",), "--set fault.latency_ms=0: latency_ms must be a whole number from 1 to"),
        ("s01", ("load.rate_rps=9", "fault.jitter_ms=150"), "--set fault.jitter_ms=150: jitter_ms must be at most"),
        ("s01", ("fault.latency_ms=9", "fault.jitter_ms=10"),
         "--set fault.latency_ms=9 --set fault.jitter_ms=10: jitter_ms must be at most latency_ms"),
        ("s03", ("fault.times=0",), "--set fault.times=0: times must be a number from 2 to 100"),
        ("s01", ("fault.direction=up",), "--set fault.direction=up: direction must be downstream or upstream"),
        ("s01", ("limits.service.cpus=100",), "--set limits.service.cpus=100: cpus must be from 0.05 to 64"),
        ("s07", ("fault.latency_ms=5",), "--set fault.latency_ms=5: the faults of s07-partition have nothing to set."),
    ],
)  # fmt: skip
def test_a_value_that_is_refused_is_told_with_its_setting(
    name: str, settings: tuple[str, ...], said: str
) -> None:
    with pytest.raises(LabError) as refused:
        catalogue.configure(scenario(name), quick=True, settings=settings)
    assert str(refused.value).startswith(said)


def test_a_setting_whose_name_only_appears_in_the_error_is_not_blamed() -> None:
    locked = a_scenario(faults=(RowLock(table="bookings"),))
    with pytest.raises(LabError, match=r"^--set fault\.table=rows-2: table must be a name of") as refused:
        catalogue.configure(locked, True, ["fault.rows=2", "fault.table=rows-2"])
    assert str(refused.value).endswith("not 'rows-2'.")


def test_a_setting_of_another_fault_is_not_blamed() -> None:
    slow = tuple(Latency(link=link, latency_ms=10) for link in (DATABASE, PAYMENTS))
    with pytest.raises(LabError, match=r"^--set fault2\.latency_ms=0: latency_ms must be"):
        catalogue.configure(a_scenario(faults=slow), True, ["fault1.latency_ms=20", "fault2.latency_ms=0"])


def test_what_is_wrong_with_a_scenario_itself_is_blamed_on_no_setting() -> None:
    wrong = a_scenario(faults=(Latency(link=DATABASE, latency_ms=-1),))
    with pytest.raises(LabError, match=r"^latency: latency_ms must be") as refused:
        catalogue.configure(wrong, True, ["load.rate_rps=20"])
    assert refused.value.__cause__ is None, "who follows the causes to their end would never come to one"


def test_a_setting_on_a_scenario_without_faults_says_so() -> None:
    with pytest.raises(LabError, match="has 0 fault"):
        catalogue.configure(scenario("s00"), quick=True, settings=["fault.latency_ms=1"])


def test_a_fault_of_all_members_and_one_of_a_single_member_are_refused_together() -> None:
    faults = (Pause(part=SERVICE), CpuLimit(part=SERVICE, member="2", cpus=0.5))
    two = Topology(parts=(POSTGRES, BALANCER), replicas=2)
    with pytest.raises(LabError, match="part/service and one of a single member"):
        catalogue.configure(a_scenario(faults=faults, topology=two), True, [])
    apart = (
        Pause(part=SERVICE, member="1"),
        CpuLimit(part=SERVICE, member="2", cpus=0.5),
        Pause(part=POSTGRES),
    )
    assert catalogue.configure(a_scenario(faults=apart, topology=two), True, [])[0].faults == apart


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (Latency(link=CACHE, latency_ms=10), "link/cache"),
        (Pause(part=QUEUE), "part/queue"),
        (Pause(part=SERVICE, member="2"), "part/service/2"),
    ],
)
def test_a_fault_of_what_the_twins_do_not_have_is_refused(fault: Fault, missing: str) -> None:
    with pytest.raises(LabError, match=f"acts on {missing}, which these twins do not have. They have: "):
        catalogue.configure(a_scenario(faults=(fault,)), False, ())


def test_without_a_database_there_is_no_store_to_lock() -> None:
    lock, topology = TableLock(table="bookings"), Topology(parts=(PAYMENTS,))
    with pytest.raises(LabError, match="They have: none"):
        catalogue.configure(a_scenario(faults=(lock,), topology=topology), False, ())
