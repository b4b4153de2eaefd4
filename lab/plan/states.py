"""What a link shall do at each moment: the sum of the faults that are on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.model import Action, LinkState, Scenario


def describe(scenario: Scenario) -> str:
    """All faults of a scenario in a line."""
    return "; ".join(fault.describe() for fault in scenario.faults) or "none (control)"


def merged(scenario: Scenario, link: str, active: frozenset[int]) -> LinkState:
    """What `link` shall do while the faults `active` (by number) are on: their sum."""
    states = [fault.state() for n, fault in enumerate(scenario.faults) if n in active and fault.link == link]
    return LinkState(
        enabled=all(state.enabled for state in states),
        toxics=tuple(toxic for state in states for toxic in state.toxics),
    )


def steady_windows(actions: tuple[Action, ...], scenario: Scenario) -> Iterator[tuple[int, float, float]]:
    """(fault, on, off) of each fault that does not come in bursts."""
    for number, fault in enumerate(scenario.faults):
        if fault.burst is None:
            times = [action.at_s for action in actions if action.fault == number]
            if len(times) == 2:
                yield number, times[0], times[1]


def active_at(actions: Sequence[Action], at_s: float) -> frozenset[int]:
    """The faults, by number, that are on at `at_s`."""
    latest = {action.fault: action.on for action in actions if action.at_s <= at_s}
    return frozenset(fault for fault, on in latest.items() if on)
