"""Surge: several times the usual load. Nothing is broken; there are just more clients than usual."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require_number, require_times, rhythm
from lab.model import (
    ARRIVALS,
    BASELINE,
    FAULT,
    RECOVERY,
    Capability,
    LoadState,
    Probe,
    Proof,
    Seen,
    StateFault,
    Target,
    longer,
)

TIMES_MIN, TIMES_MAX = 2.0, 100.0  # a smaller surge is lost in the randomness of arrivals
WELL_TIMES_MAX = 2.0
CHANCE = 3.0  # standard deviations
GROWN_MIN = 1.1  # less is no surge, however few arrivals there are


@dataclass(frozen=True, kw_only=True)
class Surge(StateFault):
    """While it is on, the arrival rate is multiplied by `times`; retries come a little later, as always."""

    kind: ClassVar[str] = "surge"
    needs: ClassVar[Capability] = Capability.LOAD
    times: float

    def target(self) -> Target:
        require_times(self)
        return ARRIVALS

    def state(self) -> LoadState:
        return LoadState(times=require_number(self, "times", TIMES_MIN, TIMES_MAX))

    def describe(self) -> str:
        return f"{self.times:g} times the load{rhythm(self)}"

    def probes(self) -> tuple[Probe, ...]:
        """None: the records of the load show it."""
        return ()

    def observed(self, before: Seen, during: Seen) -> Proof:
        """The rate came closer to the planned one than to the old one, and every arrival was recorded."""
        if missing := _uncounted(before, during, FAULT):
            return missing
        grown = _rate(during) / _rate(before)
        least, most = self._expected(before, during)
        lost = during.planned - during.recorded
        sentence = (
            f"there were {_rate(during):.1f} arrivals per second, "
            f"{grown:.1f} times the {_rate(before):.1f} before the fault"
        )
        if lost:
            sentence += f", but {lost} of {during.planned} were not recorded"
            return Proof(proved=False, value=lost, limit=0, unit="arrivals not recorded", sentence=sentence)
        limit = most if grown > most else least
        return Proof(proved=least <= grown <= most, value=grown, limit=limit, unit="times", sentence=sentence)

    def _expected(self, before: Seen, during: Seen) -> tuple[float, float]:
        """(least, most) growth that counts as the surge: nearer to `times` than to one, or as near as chance allows."""
        nearer, noise = math.sqrt(self.times), _noise(before, during)
        least = min(nearer, max(self.times * (1 - noise), GROWN_MIN))
        return least, self.times * max(nearer, 1 + noise)

    def healed(self, before: Seen, during: Seen, after: Seen) -> Proof:
        """The rate is the old one again, as near as chance allows, and never twice or half of it."""
        if missing := _uncounted(before, after, RECOVERY):
            return missing
        grown = _rate(after) / _rate(before)
        chance = min(1 + _noise(before, after), WELL_TIMES_MAX)
        most = max(min(math.sqrt(self.times), WELL_TIMES_MAX), chance)
        sentence = f"there were {_rate(before):.1f} arrivals per second before the surge, "
        sentence += f"{_rate(during):.1f} during it and {_rate(after):.1f} after it"
        proved, limit = 1 / most <= grown <= most, most if grown > 1 else 1 / most
        return Proof(proved=proved, value=grown, limit=limit, unit="times", sentence=sentence)


def _rate(seen: Seen) -> float:
    return seen.recorded / seen.length_s if seen.length_s else 0.0


def _noise(one: Seen, other: Seen) -> float:
    """By what share the ratio of two random counts of arrivals may be off: three standard deviations."""
    return CHANCE * math.hypot(max(one.recorded, 1) ** -0.5, max(other.recorded, 1) ** -0.5)


def _uncounted(before: Seen, then: Seen, phase: str) -> Proof | None:
    """A failed proof if there is nothing to count or to compare with, else None."""
    if before.recorded and then.length_s:
        return None
    sentence = f"there were {before.recorded} arrivals before the fault, and {then.length_s:g} s to compare them with"
    if not before.recorded:
        step = longer(BASELINE)
        return Proof(proved=False, value=0, limit=1, unit="arrivals", sentence=sentence, step=step)
    return Proof(
        proved=False, value=then.length_s, limit=None, unit="s", sentence=sentence, step=longer(phase)
    )
