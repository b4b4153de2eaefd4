"""What goes on and off when, and what happens at which instant."""

from dataclasses import dataclass
from typing import ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.faults import Down, Kill, Latency, Timeout
from lab.model import (
    DATABASE,
    FAULT,
    SERVICE,
    Action,
    ActionFault,
    Burst,
    Capability,
    KillMembers,
    Shot,
    Switch,
    Target,
    a_part,
)
from lab.plan.switches import LONGEST, SHORTEST, plan_shots, plan_switches
from tests.fabricated.evidence import PHASES

START_S, END_S = PHASES.window(FAULT)
FLAPPING = Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=0.9))


@dataclass(frozen=True, kw_only=True)
class Struck(ActionFault):
    """Something that happens at an instant."""

    kind: ClassVar[str] = "struck"
    needs: ClassVar[Capability] = Capability.KILL

    def target(self) -> Target:
        return a_part(SERVICE)

    def action(self) -> Action:
        return KillMembers()


def test_a_steady_fault_is_on_for_the_whole_fault_phase() -> None:
    assert plan_switches([Latency(link=DATABASE, latency_ms=100)], PHASES, 1) == (
        Switch(at_s=START_S, fault=0, on=True),
        Switch(at_s=END_S, fault=0, on=False),
    )


def test_what_an_action_leaves_broken_is_healed_at_the_end_of_its_part_of_the_phase() -> None:
    kill = Kill(part=SERVICE, during=(0, 0.5))
    middle_s = (START_S + END_S) / 2
    assert plan_switches([kill, Struck()], PHASES, 1) == (Switch(at_s=middle_s, fault=0, on=False),)
    assert plan_shots([kill], PHASES) == (Shot(at_s=START_S, fault=0),)


def test_faults_that_end_together_end_in_the_opposite_order() -> None:
    faults = [Latency(link=DATABASE, latency_ms=100), Latency(link=DATABASE, latency_ms=50)]
    assert [(s.fault, s.on) for s in plan_switches(faults, PHASES, 1)] == [
        (0, True), (1, True), (1, False), (0, False)
    ]  # fmt: skip


def test_no_fault_no_switch_and_no_shot() -> None:
    assert plan_switches([], PHASES, 1) == ()
    assert plan_shots([], PHASES) == ()


def test_of_two_faults_in_turn_the_first_goes_off_before_the_second_goes_on() -> None:
    halves = [
        Timeout(link=DATABASE, direction="upstream", during=(0.5, 1)),
        Timeout(link=DATABASE, during=(0, 0.5)),
    ]
    middle_s = (START_S + END_S) / 2
    assert plan_switches(halves, PHASES, 1)[1:3] == (
        Switch(at_s=middle_s, fault=1, on=False),
        Switch(at_s=middle_s, fault=0, on=True),
    )


def test_bursts_follow_from_the_seed() -> None:
    assert plan_switches([FLAPPING], PHASES, 7) == plan_switches([FLAPPING], PHASES, 7)
    assert plan_switches([FLAPPING], PHASES, 7) != plan_switches([FLAPPING], PHASES, 8)


def test_two_faults_do_not_flap_together() -> None:
    both = plan_switches([FLAPPING, FLAPPING], PHASES, 7)
    assert [each.at_s for each in both if each.fault == 0] != [each.at_s for each in both if each.fault == 1]


def test_bursts_of_one_fault_do_not_depend_on_the_others() -> None:
    alone = plan_switches([FLAPPING], PHASES, 7)
    accompanied = plan_switches([FLAPPING, Latency(link=DATABASE, latency_ms=50)], PHASES, 7)
    assert tuple(switch for switch in accompanied if switch.fault == 0) == alone


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 4), st.floats(0.05, 4), st.floats(0, 0.5), st.floats(0.6, 1))
def test_bursts_alternate_inside_their_part_and_end_off(
    seed: int, on_s: float, off_s: float, a: float, b: float
) -> None:
    fault = Down(link=DATABASE, burst=Burst(on_s=on_s, off_s=off_s), during=(a, b))
    switches = plan_switches([fault], PHASES, seed)
    times = [switch.at_s for switch in switches]
    assert [switch.on for switch in switches] == [True, False] * (len(switches) // 2)
    assert len(switches) >= 2
    assert times == sorted(times)
    assert START_S + 10 * a - 1e-5 <= times[0]
    assert times[-1] <= START_S + 10 * b + 1e-5
    ons = [off - on for on, off in zip(times[::2], times[1::2], strict=True)]
    offs = [on - off for off, on in zip(times[1::2], times[2::2], strict=False)]
    assert all(on <= LONGEST * on_s + 1e-5 for on in ons)
    assert all(SHORTEST * off_s - 1e-5 <= off <= LONGEST * off_s + 1e-5 for off in offs)


def test_what_happens_several_times_is_spread_evenly_from_the_start_of_its_part() -> None:
    shots = plan_shots([Struck(times=4, during=(0.2, 0.6))], PHASES)
    assert [shot.at_s for shot in shots] == [START_S + 2, START_S + 3, START_S + 4, START_S + 5]


def test_shots_of_several_faults_come_by_time_and_a_lasting_fault_has_none() -> None:
    faults = [Struck(during=(0.5, 1)), Latency(link=DATABASE, latency_ms=50), Struck()]
    assert plan_shots(faults, PHASES) == (
        Shot(at_s=START_S, fault=2),
        Shot(at_s=START_S + 5, fault=0),
    )


def test_what_happens_at_an_instant_has_no_switch() -> None:
    assert plan_switches([Struck()], PHASES, 1) == ()
