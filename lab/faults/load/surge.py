"""Surge: clients come several times as often. Nothing is broken; it is merely more than usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require_number, require_times, rhythm
from lab.faults.proofs import EFFECT_SHARE_MAX
from lab.model import ARRIVALS, Capability, LoadState, Probe, Proof, Seen, StateFault, Target

TIMES_MIN, TIMES_MAX = 1.5, 100.0  # less is lost in the chance of arrivals


@dataclass(frozen=True, kw_only=True)
class Surge(StateFault):
    """While it is on, arrivals come `times` as often. What is repeated of them comes a little later, as always."""

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
        """The rate grew as planned, give or take half of that, and every arrival was recorded."""
        if missing := _uncounted(before, during):
            return missing
        grown = _rate(during) / _rate(before)
        off, limit = abs(grown - self.times), EFFECT_SHARE_MAX * (self.times - 1)
        lost = during.planned - during.recorded
        sentence = (
            f"{_rate(during):.1f} arrivals per second came, {grown:.1f} times the {_rate(before):.1f} before"
        )
        if lost:
            sentence += f", but {lost} of {during.planned} were not recorded"
        return Proof(
            proved=off <= limit and not lost, value=off, limit=limit, unit="times off", sentence=sentence
        )

    def healed(self, before: Seen, during: Seen, after: Seen) -> Proof:
        """The rate is what it was, give or take half of itself or of what the surge added."""
        if missing := _uncounted(before, after):
            return missing
        grown = _rate(after) / _rate(before)
        off, limit = abs(grown - 1), min(EFFECT_SHARE_MAX * (self.times - 1), EFFECT_SHARE_MAX)
        sentence = f"{_rate(before):.1f} arrivals per second came before it, {_rate(during):.1f} in it and "
        sentence += f"{_rate(after):.1f} after it"
        return Proof(proved=off <= limit, value=off, limit=limit, unit="times off", sentence=sentence)


def _rate(seen: Seen) -> float:
    return seen.recorded / seen.length_s if seen.length_s else 0.0


def _uncounted(before: Seen, then: Seen) -> Proof | None:
    """A failed proof where there is nothing to count or to compare with, else None."""
    if before.recorded and then.length_s:
        return None
    sentence = (
        f"{before.recorded} arrivals came before the fault, and {then.length_s:g} s were left to compare"
    )
    return Proof(proved=False, value=before.recorded, limit=1, unit="arrivals", sentence=sentence)
