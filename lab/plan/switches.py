"""Turns faults into instants: what goes on, goes off or happens, and when. Every twin gets the same from one seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from lab.model import FAULT, ActionFault, Burst, Fault, Phases, Shot, StateFault, Switch, Window

SHORTEST, LONGEST = 0.5, 1.5  # of the mean: bounds of a random on or off time
TAIL_S = 0.05  # no burst begins this shortly before the end of its part of the phase


def plan_switches(faults: Sequence[Fault], phases: Phases, seed: int) -> tuple[Switch, ...]:
    """Every switch of every lasting fault, and the healing of what an action leaves broken, by time.

    At the same instant off comes before on, and the last fault goes off first: Toxiproxy may hang if a toxic is removed
    while it holds data for a connection that a later one has just reset. At the end all are off.
    """
    switches: list[Switch] = []
    for number, fault in enumerate(faults):
        if isinstance(fault, StateFault):
            for on_s, off_s in _windows(fault, phases, Random(f"{seed}/{number}")):
                switches += [
                    Switch(at_s=on_s, fault=number, on=True),
                    Switch(at_s=off_s, fault=number, on=False),
                ]
        elif isinstance(fault, ActionFault) and fault.leaves_damage:
            switches.append(Switch(at_s=round(part(fault, phases)[1], 6), fault=number, on=False))
    return tuple(sorted(switches, key=lambda s: (s.at_s, s.on, s.fault if s.on else -s.fault)))


def plan_shots(faults: Sequence[Fault], phases: Phases) -> tuple[Shot, ...]:
    """Every action of every fault that happens at an instant, by time: spread evenly over its part of the phase."""
    shots = [
        Shot(at_s=round(first + n * (last - first) / fault.times, 6), fault=number)
        for number, fault in enumerate(faults)
        if isinstance(fault, ActionFault)
        for first, last in (part(fault, phases),)
        for n in range(fault.times)
    ]
    return tuple(sorted(shots, key=lambda shot: (shot.at_s, shot.fault)))


def part(fault: Fault, phases: Phases) -> Window:
    """The part of the fault phase in which `fault` acts, seconds from T0."""
    start, end = phases.window(FAULT)
    first, last = (start + share * (end - start) for share in fault.during)
    return first, last


def _windows(fault: StateFault, phases: Phases, random: Random) -> Iterator[Window]:
    """[on, off) of `fault`, seconds from T0."""
    first, last = part(fault, phases)
    if fault.burst is None:
        yield round(first, 6), round(last, 6)
    else:
        yield from _bursts(fault.burst, first, last, random)


def _bursts(burst: Burst, first: float, last: float, random: Random) -> Iterator[Window]:
    at = first
    while at < last - TAIL_S:
        off = min(at + _draw(burst.on_s, random), last)
        yield round(at, 6), round(off, 6)
        at = off + _draw(burst.off_s, random)


def _draw(mean_s: float, random: Random) -> float:
    return mean_s * random.uniform(SHORTEST, LONGEST)
