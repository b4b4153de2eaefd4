"""What the faults of the database share: samples of its sessions, and how they prove that a session is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require_times
from lab.faults.proofs import WELL_ANSWERED_MIN, few
from lab.model import (
    BASELINE,
    FAULT,
    RECOVERY,
    STORE,
    Capability,
    Fault,
    Probe,
    Proof,
    Seen,
    SessionsSample,
    StateFault,
    StoreState,
    Target,
    percent,
)

LOOK_EVERY_S = 0.2
LOOKS_MIN = 3
HELD_SHARE_MIN = 0.9


@dataclass(frozen=True, kw_only=True)
class StoreFault(Fault):
    """A fault of the database, proved by the probe that looks at its sessions."""

    needs: ClassVar[Capability] = Capability.SESSIONS

    def target(self) -> Target:
        require_times(self)
        return STORE

    def probes(self) -> tuple[Probe, ...]:
        return (Probe(target=STORE, every_s=LOOK_EVERY_S),)

    def healed(self, before: Seen, during: Seen, after: Seen) -> Proof:
        """The lab holds nothing any more, and the service is connected again if it was before."""
        looks = answered(after)
        if missing := too_few(answered(before), looks, "after healing", RECOVERY):
            return missing
        told = len(looks) / len(after.samples)
        held = max(look.held for look in looks)
        back = any(look.service for look in looks) or not any(look.service for look in answered(before))
        most = max((look.held for look in answered(during)), default=0)
        sentence = f"the lab held {most} sessions before healing and {held} after; "
        sentence += f"at the end the service had {looks[-1].service}"
        value, limit, unit = float(held), 0.0, "sessions held"
        if not back:
            sentence += ", but the service did not reconnect"
            value, limit, unit = 0, 1, "sessions of the service"
        if told < WELL_ANSWERED_MIN:
            sentence += f", but only {percent(told)} of the samples were answered"
            value, limit, unit = told, WELL_ANSWERED_MIN, "share"
        proved = held == 0 and back and told >= WELL_ANSWERED_MIN
        return Proof(proved=proved, value=value, limit=limit, unit=unit, sentence=sentence)


@dataclass(frozen=True, kw_only=True)
class HeldFault(StoreFault, StateFault):
    """A fault that is one or more sessions of the lab's own, for as long as it is on."""

    must_wait: ClassVar[bool] = False  # whether the service must be seen waiting for it

    def state(self) -> StoreState:
        raise NotImplementedError

    def observed(self, before: Seen, during: Seen) -> Proof:
        """The sessions are there in nearly every sample; before there were none."""
        calm, looks = answered(before), answered(during)
        if missing := too_few(calm, looks, "during it", FAULT):
            return missing
        wanted = sum(session.count for session in self.state().held)
        share = sum(look.held >= wanted for look in looks) / len(looks)
        waiting = max(look.waiting for look in looks)
        sessions = "the lab's session was" if wanted == 1 else f"all {wanted} of the lab's sessions were"
        sentence = f"{sessions} there in {100 * share:.0f} % of {len(looks)} samples; "
        sentence += self.bite(looks)
        early = max(look.held for look in calm)
        if early:
            sentence += f", but it held {early} before the fault"
            return Proof(proved=False, value=early, limit=0, unit="sessions held", sentence=sentence)
        if self.must_wait and not waiting:
            return Proof(proved=False, value=0, limit=1, unit="sessions waiting", sentence=sentence)
        proved = share >= HELD_SHARE_MIN
        return Proof(proved=proved, value=share, limit=HELD_SHARE_MIN, unit="share", sentence=sentence)

    def bite(self, looks: Sequence[SessionsSample]) -> str:
        """Its effect on the service, in words."""
        waiting = max(look.waiting for look in looks)
        if not waiting:
            return "no session waited for a lock"
        longest_s = max(look.longest_wait_s for look in looks)
        return f"up to {waiting} sessions of the service waited for a lock, the longest for {longest_s:.1f} s"


def answered(seen: Seen) -> list[SessionsSample]:
    return [sample for sample in seen.samples if isinstance(sample, SessionsSample) and not sample.error]


def too_few(
    before: Sequence[SessionsSample], then: Sequence[SessionsSample], when: str, phase: str
) -> Proof | None:
    """A failed proof if there is too little to compare, else None."""
    fewest = min(len(before), len(then))
    if fewest >= LOOKS_MIN:
        return None
    sentence = (
        f"only {len(before)} samples of the sessions before the fault and {len(then)} {when} were answered"
    )
    short = BASELINE if len(before) < LOOKS_MIN else phase
    return few(fewest, LOOKS_MIN, sentence, short, unit="samples")
