"""Pause: a part stands still but keeps its memory and its connections: alive to TCP, dead to everybody else.

Like a long garbage collection, a virtual machine being moved, or a disk that hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import rhythm
from lab.faults.parts.members import PartFault, was
from lab.model import Capability, Life, PartState, Proof, Seen, StateFault


@dataclass(frozen=True, kw_only=True)
class Pause(PartFault, StateFault):
    """Every process of the part is frozen, and later resumed."""

    kind: ClassVar[str] = "pause"
    needs: ClassVar[Capability] = Capability.PAUSE

    def state(self) -> PartState:
        return PartState(life=Life.PAUSED)

    def describe(self) -> str:
        return f"{self.who()} paused{rhythm(self)}"

    def observed(self, before: Seen, during: Seen) -> Proof:
        return was(Life.PAUSED, self.looks(before), self.looks(during))
