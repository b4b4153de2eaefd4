"""The load as a plan: which request is due when. The same seed gives the same plan, and every twin gets it.

A surge is part of the plan: while it is on, the arrival rate is multiplied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import nextafter
from random import Random

from lab.model import Arrival, Fault, LabError, Load, LoadState, Phases, StateFault, Switch, Window
from lab.workload import Intent, Workload

ARRIVALS_MAX = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Surge:
    """The arrival rate is multiplied by `times` in `window`."""

    window: Window
    times: float


def surges(faults: Sequence[Fault], switches: Sequence[Switch]) -> tuple[Surge, ...]:
    """What the faults of a scenario add to its load."""
    found: list[Surge] = []
    for number, fault in enumerate(faults):
        if isinstance(fault, StateFault) and isinstance(state := fault.state(), LoadState):
            instants = [switch.at_s for switch in switches if switch.fault == number]
            pairs = zip(instants[::2], instants[1::2], strict=True)
            found += [Surge(window=window, times=state.times) for window in pairs]
    return tuple(found)


def plan_arrivals(
    load: Load,
    phases: Phases,
    seed: int,
    workload: Workload,
    sizes: Mapping[str, int],
    surges: Sequence[Surge] = (),
) -> Iterator[Arrival]:
    """Every arrival in order of time, numbered from 0: Poisson at the planned rate, plus what follows them.

    Only the few arrivals that will be followed are kept. Raises LabError for a load that cannot be planned.
    """
    check_load(load, phases, workload, surges)
    random, numbers = Random(seed), count()
    followed: list[tuple[float, int, Arrival]] = []  # a heap, by the instant of the follower

    def intent(at_s: float, op: str) -> Intent:
        return Intent(i=next(numbers), at_s=at_s, op=op, sizes=sizes, random=random)

    def followers(until_s: float) -> Iterator[Arrival]:
        while followed and followed[0][0] <= until_s:
            at_s, _, first = heappop(followed)
            follower = workload.followers[first.op]
            yield follower.make(intent(at_s, follower.op or first.op), first)

    for at_s in _instants(random, load.rate_rps, phases.load_s, surges):
        yield from followers(at_s)
        op = random.choices(tuple(load.mix), weights=tuple(load.mix.values()))[0]
        arrival = workload.operations[op](intent(at_s, op))
        yield arrival
        if follower := workload.followers.get(op):
            heappush(followed, (round(at_s + follower.after_s, 6), arrival.i, arrival))
    yield from followers(nextafter(phases.load_s, 0))


def _instants(random: Random, rate_rps: float, until_s: float, surges: Sequence[Surge]) -> Iterator[float]:
    """A Poisson process whose rate is constant between the edges of surges. The rest of a draw at an edge is used up
    at the next rate."""
    edges = sorted({edge for surge in surges for edge in surge.window if 0 < edge < until_s} | {until_s})
    at_s = 0.0
    due = random.expovariate(1.0)  # in expected arrivals
    for edge_s in edges:
        rate = rate_rps * _times(surges, (at_s + edge_s) / 2)
        while due <= (edge_s - at_s) * rate:
            at_s += due / rate
            if at_s < until_s:
                yield round(at_s, 6)
            due = random.expovariate(1.0)
        due -= (edge_s - at_s) * rate
        at_s = edge_s


def _times(surges: Sequence[Surge], at_s: float) -> float:
    times = 1.0
    for surge in surges:
        if surge.window[0] <= at_s < surge.window[1]:
            times *= surge.times
    return times


def check_load(load: Load, phases: Phases, workload: Workload, surges: Sequence[Surge] = ()) -> None:
    """Raises LabError for a load that cannot be planned, or is more than a lab should ever send."""
    if unknown := [op for op in load.mix if op not in workload.operations]:
        raise LabError(
            f"No such operation: {', '.join(unknown)}. Choose from {', '.join(workload.operations)}."
        )
    if load.rate_rps <= 0:
        raise LabError(f"load.rate_rps is {load.rate_rps:g}; it must be above 0.")
    if not sum(load.mix.values()) > 0:
        raise LabError("load.mix has no weights; give at least one operation a weight above 0.")
    extra_s = sum((surge.times - 1) * (surge.window[1] - surge.window[0]) for surge in surges)
    if (planned := load.rate_rps * (phases.load_s + extra_s)) > ARRIVALS_MAX:
        raise LabError(
            f"{load.rate_rps:g} arrivals/s for {phases.load_s:g} s are {planned:,.0f} requests for each twin, "
            f"more than {ARRIVALS_MAX:,}. Lower load.rate_rps or shorten the phases."
        )
