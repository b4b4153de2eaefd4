"""Memory limit: a part that uses more than this is killed, as a container is at its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require, rhythm
from lab.faults.parts.members import PartFault, limited_to, lower, not_in_force, too_few
from lab.model import (
    MEMORY_MIB_MAX,
    MEMORY_MIB_MIN,
    MIB,
    Capability,
    Life,
    PartSample,
    PartState,
    Proof,
    Seen,
    StateFault,
)


@dataclass(frozen=True, kw_only=True)
class MemoryLimit(PartFault, StateFault):
    """Each member gets `memory_mib` × 1,048,576 bytes. If one uses more, its biggest process is killed.

    In a container the kernel does that; if it hits the main process, the container ends with exit code 137. A local
    part is watched and killed by the lab instead. A limit that is never reached is no fault.
    """

    kind: ClassVar[str] = "memory_limit"
    needs: ClassVar[Capability] = Capability.MEMORY_LIMIT
    memory_mib: int

    def state(self) -> PartState:
        return PartState(memory_bytes=MIB * require(self, "memory_mib", MEMORY_MIB_MIN, MEMORY_MIB_MAX))

    def describe(self) -> str:
        return f"{self.who()} limited to {self.memory_mib} MiB of memory{rhythm(self)}"

    def observed(self, before: Seen, during: Seen) -> Proof:
        """The limit was there, and something was killed because of it."""
        earlier, later = self.looks(before), self.looks(during)
        if missing := too_few(earlier, later):
            return missing
        kills = sum(_kills(looks) - _kills(earlier[name]) for name, looks in later.items())
        # Nothing is left that could show the limit: then the kernel's kills prove it.
        nothing_left = all(look.life is Life.DEAD for looks in later.values() for look in looks)
        there = nothing_left or limited_to(MIB * self.memory_mib, later, self.limit)
        sentence = f"{kills} processes were killed for using too much memory"
        if not there:
            return not_in_force(sentence)
        step = lower("memory_mib")
        return Proof(proved=kills >= 1, value=kills, limit=1, unit="kills", sentence=sentence, step=step)

    def limit(self, look: PartSample) -> float | None:
        return look.rss_max_bytes


def _kills(looks: Sequence[PartSample]) -> int:
    """How many there had been by the last of these samples."""
    return max(look.oom_kills or 0 for look in looks)
