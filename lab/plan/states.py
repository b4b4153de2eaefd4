"""The state that a target should be in at each moment: the sum of the faults that are on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

from lab.model import Fault, FaultWindow, State, StateFault, Switch, Target


def describe(faults: Sequence[Fault]) -> str:
    """All faults in one line."""
    return "; ".join(fault.describe() for fault in faults) or "none (control)"


def targets(faults: Sequence[Fault]) -> tuple[Target, ...]:
    """What the faults act on, in their order."""
    return tuple(dict.fromkeys(fault.target() for fault in faults))


def asked(faults: Sequence[Fault], target: Target, active: frozenset[int], healthy: State) -> State:
    """The state that `target` should be in while the faults `active` (by number) are on: their sum, or healthy."""
    states = [
        fault.state()
        for number, fault in enumerate(faults)
        if number in active and isinstance(fault, StateFault) and fault.target() == target
    ]
    return reduce(lambda one, other: one.plus(other), states, healthy)


def steady_windows(switches: Sequence[Switch], faults: Sequence[Fault]) -> Iterator[FaultWindow]:
    """When each lasting fault without bursts is planned to be on, if `switches` switch it at all."""
    for number, fault in enumerate(faults):
        instants = [switch.at_s for switch in switches if switch.fault == number]
        if instants and isinstance(fault, StateFault) and fault.burst is None:
            on_s, off_s = instants
            yield FaultWindow(fault=number, on_s=on_s, off_s=off_s)


def active_at(switches: Sequence[Switch], at_s: float) -> frozenset[int]:
    """The faults, by number, that are on at `at_s`."""
    latest = {switch.fault: switch.on for switch in switches if switch.at_s <= at_s}
    return frozenset(fault for fault, on in latest.items() if on)
