"""The state that a target should be in at each moment: the sum of the faults that are on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from lab.model import (
    Fault,
    FaultWindow,
    LinkState,
    Phases,
    Proxy,
    State,
    StateFault,
    Switch,
    Target,
    a_link,
)

LOOK_EVERY_S = 0.5
LOOK_BEFORE_S = 0.15  # before a switch: near enough to see what it would cover up, yet over in time
LOOK_CLEAR_S = 0.1


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


def asked_of(
    proxies: Mapping[str, Proxy], faults: Sequence[Fault], active: frozenset[int]
) -> dict[str, Proxy]:
    """What each of `proxies` (given as they are without a fault) should be while the faults `active` are on."""
    wanted = {}
    for name, proxy in proxies.items():
        state = asked(faults, a_link(name), active, proxy.state)
        if not isinstance(state, LinkState):
            raise TypeError(f"a link cannot be in {state}")
        wanted[name] = replace(proxy, state=state)
    return wanted


def looking_instants(changes_s: Sequence[float], phases: Phases) -> list[float]:
    """When all proxies are read: twice a second, and before and after each change, but never so near as to delay it."""
    regular = [n * LOOK_EVERY_S for n in range(math.ceil(phases.load_s / LOOK_EVERY_S))]
    instants = {*regular, phases.load_s, *changes_s, *(at_s - LOOK_BEFORE_S for at_s in changes_s)}
    return sorted(
        at_s
        for at_s in instants
        if at_s >= 0 and not any(at_s < change_s < at_s + LOOK_CLEAR_S for change_s in changes_s)
    )


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
