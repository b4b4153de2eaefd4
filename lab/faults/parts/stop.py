"""Stop: a part is stopped, stays down until the fault is over, and is restarted: a failover, a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require_number, rhythm
from lab.faults.parts.members import PartFault, was
from lab.model import Capability, Life, PartState, Proof, Seen, StateFault

GRACE_S_MAX = 4.0  # a target answers within 5 s


@dataclass(frozen=True, kw_only=True)
class Stop(PartFault, StateFault):
    """The part is asked to end, and killed after `grace_s`; with 0 it is killed at once, as in a power cut."""

    kind: ClassVar[str] = "stop"
    needs: ClassVar[Capability] = Capability.STOP
    grace_s: float = 2.0

    def state(self) -> PartState:
        return PartState(life=Life.DEAD, grace_s=require_number(self, "grace_s", 0, GRACE_S_MAX))

    def describe(self) -> str:
        how = f" within {self.grace_s:g} s" if self.grace_s else " at once"
        return f"{self.who()} stopped{how}, later restarted{rhythm(self)}"

    def observed(self, before: Seen, during: Seen) -> Proof:
        return was(Life.DEAD, self.looks(before), self.looks(during))
