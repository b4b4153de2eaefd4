"""When a fault was certainly on, as the events of a run have it."""

from lab.faults import Kill
from lab.model import FAULT, SERVICE, Fault, FaultWindow
from lab.record.windows import fault_windows
from tests.fabricated.evidence import NAIVE, PAIR, PHASES, a_manifest, a_scenario, changes_of

START_S, END_S = PHASES.window(FAULT)


def windows(fault: Fault) -> list[FaultWindow]:
    manifest = a_manifest(a_scenario(faults=(fault,)), PAIR)
    return list(fault_windows((fault,), changes_of(NAIVE, manifest), manifest.switches, manifest.phases))


def test_a_kill_shows_from_when_it_hit_until_healing_was_asked_for() -> None:
    half_s = (START_S + END_S) / 2
    kill = Kill(part=SERVICE, times=2, during=(0, 0.5))
    assert windows(kill) == [
        FaultWindow(fault=0, on_s=START_S + 0.003, off_s=half_s + 0.001),
        FaultWindow(fault=0, on_s=(START_S + half_s) / 2 + 0.003, off_s=half_s + 0.001),
    ]
