"""The load as a plan: which request is due when. The same seed gives the same plan, and both twins get it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from lab.model import Arrival, LabError, Load, Phases, SeedSizes
from lab.workload.booking.operations import OPERATIONS, REPEAT_AFTER_S, REPEATED_OPS, Intent

ARRIVALS_MAX = 2_000_000


def plan_arrivals(load: Load, phases: Phases, seed: int, sizes: SeedSizes) -> Iterator[Arrival]:
    """Every arrival in order of time, numbered from 0: Poisson at `load.rate_rps`, repetitions on top of it.

    Nothing is kept but the few arrivals that will be repeated. Raises LabError for a load that cannot be
    planned.
    """
    check_load(load, phases)
    random = Random(seed)
    repeats: deque[Arrival] = deque()  # in order of time: each comes the same while after its first
    number = 0
    for at_s in _instants(random, load.rate_rps, phases.load_s):
        while repeats and repeats[0].at_s <= at_s:
            yield replace(repeats.popleft(), i=number)
            number += 1
        op = random.choices(tuple(load.mix), weights=tuple(load.mix.values()))[0]
        arrival = OPERATIONS[op](Intent(i=number, at_s=at_s, op=op, sizes=sizes, random=random))
        yield arrival
        number += 1
        if op in REPEATED_OPS and at_s + REPEAT_AFTER_S < phases.load_s:
            repeats.append(replace(arrival, at_s=round(at_s + REPEAT_AFTER_S, 6)))
    for late in repeats:
        yield replace(late, i=number)
        number += 1


def _instants(random: Random, rate_rps: float, until_s: float) -> Iterator[float]:
    at_s = random.expovariate(rate_rps)
    while at_s < until_s:
        yield round(at_s, 6)
        at_s += random.expovariate(rate_rps)


def check_load(load: Load, phases: Phases) -> None:
    """Raises LabError for a load that cannot be planned, or that is more than a lab should ever send."""
    unknown = [op for op in load.mix if op not in OPERATIONS]
    if unknown:
        raise LabError(f"No such operation: {', '.join(unknown)}. There is {', '.join(OPERATIONS)}.")
    if load.rate_rps <= 0:
        raise LabError(f"load.rate_rps is {load.rate_rps:g}; it must be above 0.")
    if not sum(load.mix.values()) > 0:
        raise LabError("load.mix weighs nothing; give at least one operation a weight above 0.")
    if (planned := load.rate_rps * phases.load_s) > ARRIVALS_MAX:
        raise LabError(
            f"{load.rate_rps:g} arrivals/s for {phases.load_s:g} s are {planned:.3g} requests for each twin, "
            f"more than {ARRIVALS_MAX:,}. Lower load.rate_rps or shorten the phases."
        )
