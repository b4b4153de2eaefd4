"""What goes on and off when."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.faults import Down, Latency, Timeout
from lab.model import DATABASE, FAULT, Action, Burst
from lab.plan.switches import LONGEST, SHORTEST, plan_actions
from tests.fabricated.evidence import PHASES

START_S, END_S = PHASES.window(FAULT)
FLAPPING = Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=0.9))


def test_a_steady_fault_is_on_for_the_whole_fault_phase() -> None:
    assert plan_actions([Latency(link=DATABASE, latency_ms=100)], PHASES, 1) == (
        Action(at_s=START_S, fault=0, on=True),
        Action(at_s=END_S, fault=0, on=False),
    )


def test_no_fault_no_action() -> None:
    assert plan_actions([], PHASES, 1) == ()


def test_of_two_faults_in_turn_the_first_goes_off_before_the_second_goes_on() -> None:
    halves = [
        Timeout(link=DATABASE, direction="upstream", during=(0.5, 1)),
        Timeout(link=DATABASE, during=(0, 0.5)),
    ]
    middle_s = (START_S + END_S) / 2
    assert plan_actions(halves, PHASES, 1)[1:3] == (
        Action(at_s=middle_s, fault=1, on=False),
        Action(at_s=middle_s, fault=0, on=True),
    )


def test_bursts_follow_from_the_seed() -> None:
    assert plan_actions([FLAPPING], PHASES, 7) == plan_actions([FLAPPING], PHASES, 7)
    assert plan_actions([FLAPPING], PHASES, 7) != plan_actions([FLAPPING], PHASES, 8)


def test_two_faults_do_not_flap_together() -> None:
    both = plan_actions([FLAPPING, FLAPPING], PHASES, 7)
    assert [a.at_s for a in both if a.fault == 0] != [a.at_s for a in both if a.fault == 1]


def test_bursts_of_one_fault_do_not_depend_on_the_others() -> None:
    alone = plan_actions([FLAPPING], PHASES, 7)
    accompanied = plan_actions([FLAPPING, Latency(link=DATABASE, latency_ms=50)], PHASES, 7)
    assert tuple(action for action in accompanied if action.fault == 0) == alone


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 4), st.floats(0.05, 4), st.floats(0, 0.5), st.floats(0.6, 1))
def test_bursts_alternate_inside_their_part_and_end_off(
    seed: int, on_s: float, off_s: float, a: float, b: float
) -> None:
    fault = Down(link=DATABASE, burst=Burst(on_s=on_s, off_s=off_s), during=(a, b))
    actions = plan_actions([fault], PHASES, seed)
    times = [action.at_s for action in actions]
    assert [action.on for action in actions] == [True, False] * (len(actions) // 2)
    assert len(actions) >= 2
    assert times == sorted(times)
    assert START_S + 10 * a - 1e-5 <= times[0]
    assert times[-1] <= START_S + 10 * b + 1e-5
    ons = [off - on for on, off in zip(times[::2], times[1::2], strict=True)]
    offs = [on - off for off, on in zip(times[1::2], times[2::2], strict=False)]
    assert all(on <= LONGEST * on_s + 1e-5 for on in ons)
    assert all(SHORTEST * off_s - 1e-5 <= off <= LONGEST * off_s + 1e-5 for off in offs)
