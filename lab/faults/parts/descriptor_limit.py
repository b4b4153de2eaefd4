"""Descriptor limit: no process of a part can open more files and sockets; accept and connect then fail (EMFILE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require, rhythm
from lab.faults.parts.members import PartFault, limited_to, lower, not_in_force, too_few
from lab.model import Capability, PartSample, PartState, Proof, Seen, StateFault

DESCRIPTORS_MIN, DESCRIPTORS_MAX = 8, 1_000_000
NEAR = 2  # how near to the limit counts: what fails may have needed two descriptors at once


@dataclass(frozen=True, kw_only=True)
class DescriptorLimit(PartFault, StateFault):
    """Each process gets `descriptors`. What is open stays open. A limit that is never reached is no fault."""

    kind: ClassVar[str] = "descriptor_limit"
    needs: ClassVar[Capability] = Capability.DESCRIPTOR_LIMIT
    descriptors: int

    def state(self) -> PartState:
        return PartState(descriptors=require(self, "descriptors", DESCRIPTORS_MIN, DESCRIPTORS_MAX))

    def describe(self) -> str:
        return f"each process of {self.who()} limited to {self.descriptors} descriptors{rhythm(self)}"

    def observed(self, before: Seen, during: Seen) -> Proof:
        """The limit was there, and some process of every member reached it."""
        earlier, later = self.looks(before), self.looks(during)
        if missing := too_few(earlier, later):
            return missing
        most = min(max(look.descriptors or 0 for look in looks) for looks in later.values())
        limit = self.descriptors - NEAR
        sentence = f"a process had up to {most} descriptors open"
        if not limited_to(self.descriptors, later, self.limit):
            return not_in_force(sentence)
        return Proof(
            proved=most >= limit,
            value=most,
            limit=limit,
            unit="descriptors",
            sentence=sentence,
            step=lower("descriptors"),
        )

    def limit(self, look: PartSample) -> float | None:
        return look.descriptors_max
