"""Kill: SIGKILL, as from a kernel that is out of memory, or an orchestrator that is out of patience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require
from lab.faults.parts.members import PartFault, too_few
from lab.model import ActionFault, Capability, KillMembers, Life, PartSample, Proof, Seen

TIMES_MAX = 100


@dataclass(frozen=True, kw_only=True)
class Kill(PartFault, ActionFault):
    """All processes of the part are killed at once, `times` times.

    The topology's restarter starts it again, or else the end of the fault does. A kill while it is down hits nothing,
    which makes the run invalid.
    """

    kind: ClassVar[str] = "kill"
    needs: ClassVar[Capability] = Capability.KILL
    leaves_damage: ClassVar[bool] = True

    def action(self) -> KillMembers:
        require(self, "times", 1, TIMES_MAX)
        return KillMembers()

    def describe(self) -> str:
        return f"{self.who()} killed" + (f" {self.times} times" if self.times > 1 else "")

    def observed(self, before: Seen, during: Seen) -> Proof:
        """Every member was seen dead or as a new process."""
        earlier, later = self.looks(before), self.looks(during)
        if missing := too_few(earlier, later):
            return missing
        hit = sum(_gone(earlier[name][-1].pid, looks) for name, looks in later.items())
        return Proof(
            proved=hit == len(later),
            value=hit,
            limit=len(later),
            unit="members",
            sentence=f"{hit} of {len(later)} members were seen dead or as a new process",
        )


def _gone(pid: int, looks: Sequence[PartSample]) -> bool:
    return any(look.life is Life.DEAD or look.pid != pid for look in looks)
