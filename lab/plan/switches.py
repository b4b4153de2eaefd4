"""Turns faults into switches: what goes on and off when. The same seed gives the same instants to both twins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from lab.model import FAULT, Action, Burst, Fault, Phases

SHORTEST = 0.1  # of the mean: bounds of a drawn on or off time
LONGEST = 3.0
TAIL_S = 0.05  # a burst does not begin so shortly before the end of its part of the phase


def plan_actions(faults: Sequence[Fault], phases: Phases, seed: int) -> tuple[Action, ...]:
    """Every switch of every fault, in order of time; at the same instant off comes before on. Ends with all off."""
    actions = [
        action
        for number, fault in enumerate(faults)
        for on_s, off_s in _windows(fault, phases, Random(f"{seed}/{number}"))
        for action in (Action(at_s=on_s, fault=number, on=True), Action(at_s=off_s, fault=number, on=False))
    ]
    return tuple(sorted(actions, key=lambda action: (action.at_s, action.on, action.fault)))


def _windows(fault: Fault, phases: Phases, random: Random) -> Iterator[tuple[float, float]]:
    """[on, off) of `fault`, seconds from T0."""
    start, end = phases.window(FAULT)
    first, last = (start + share * (end - start) for share in fault.during)
    if fault.burst is None:
        yield round(first, 6), round(last, 6)
    else:
        yield from _bursts(fault.burst, first, last, random)


def _bursts(burst: Burst, first: float, last: float, random: Random) -> Iterator[tuple[float, float]]:
    at = first
    while at < last - TAIL_S:
        off = min(at + _draw(burst.on_s, random), last)
        yield round(at, 6), round(off, 6)
        at = off + _draw(burst.off_s, random)


def _draw(mean_s: float, random: Random) -> float:
    return min(max(random.expovariate(1 / mean_s), SHORTEST * mean_s), LONGEST * mean_s)
