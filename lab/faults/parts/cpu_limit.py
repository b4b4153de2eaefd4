"""CPU limit: a part gets less CPU time than it needs, as under a container's quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require_number, rhythm
from lab.faults.parts.members import PartFault, grown, limited_to, lower, not_in_force, too_few
from lab.model import CPUS_MAX, CPUS_MIN, Capability, PartSample, PartState, Proof, Seen, StateFault

THROTTLED_SHARE_MIN = 0.02  # of the time: a limit that throttles nothing is no fault
USED_SLACK = 1.25  # of the limit
USED_SLACK_CPUS = 0.05


@dataclass(frozen=True, kw_only=True)
class CpuLimit(PartFault, StateFault):
    """Each member gets `cpus` seconds of CPU time per second, and is throttled when they are used up."""

    kind: ClassVar[str] = "cpu_limit"
    needs: ClassVar[Capability] = Capability.CPU_LIMIT
    cpus: float

    def state(self) -> PartState:
        return PartState(cpus=require_number(self, "cpus", CPUS_MIN, CPUS_MAX))

    def describe(self) -> str:
        return f"{self.who()} limited to {self.cpus:g} CPUs{rhythm(self)}"

    def observed(self, before: Seen, during: Seen) -> Proof:
        """Throttled for part of the time, and no more used than allowed: both counted by the kernel or the lab."""
        earlier, later = self.looks(before), self.looks(during)
        if missing := too_few(earlier, later):
            return missing
        held = [grown(looks, lambda look: look.throttled_s) for looks in later.values()]
        used = [grown(looks, lambda look: look.cpu_s) for looks in later.values()]
        if not all(lasted_s for _, lasted_s in (*held, *used)):
            sentence = "its CPU time, or how long it was throttled, is not known"
            return Proof(proved=False, value=None, limit=THROTTLED_SHARE_MIN, unit="share", sentence=sentence)
        # A kernel that counts each core separately may report more than the time that has passed.
        share = min(1.0, *(total_s / lasted_s for total_s, lasted_s in held))
        cpus = max(total_s / lasted_s for total_s, lasted_s in used)
        most = USED_SLACK * self.cpus + USED_SLACK_CPUS
        sentence = f"it was throttled for {100 * share:.0f} % of the time and used {cpus:.2f} CPUs"
        if not limited_to(self.cpus, later, self.limit):
            return not_in_force(sentence)
        if cpus > most:
            return Proof(proved=False, value=cpus, limit=most, unit="CPUs", sentence=sentence)
        return Proof(
            proved=share >= THROTTLED_SHARE_MIN,
            value=share,
            limit=THROTTLED_SHARE_MIN,
            unit="share",
            sentence=sentence,
            step=lower("cpus"),
        )

    def limit(self, look: PartSample) -> float | None:
        return look.cpus_max
