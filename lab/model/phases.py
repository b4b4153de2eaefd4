"""The phases of a run, and how long each lasts. Baseline is the field's steady state."""

from __future__ import annotations

from dataclasses import dataclass

WARMUP = "warmup"
BASELINE = "baseline"
FAULT = "fault"
RECOVERY = "recovery"
DRAIN = "drain"
PHASES = (WARMUP, BASELINE, FAULT, RECOVERY, DRAIN)

Window = tuple[float, float]  # [start, end), seconds from T0


def longer(phase: str) -> str:
    """What to do where a phase was too short to show what it should."""
    return (
        f"Run it without --quick, or lengthen the {phase} phase with --set phases.{phase}_s=N; bin/lab show prints how "
        "long it is."
    )


@dataclass(frozen=True, kw_only=True)
class Phases:
    """How long each phase lasts, in seconds, in the order of a run."""

    warmup_s: float
    baseline_s: float
    fault_s: float
    recovery_s: float
    drain_s: float

    def window(self, phase: str) -> Window:
        """[start, end) of `phase`, seconds from T0."""
        lengths = (self.warmup_s, self.baseline_s, self.fault_s, self.recovery_s, self.drain_s)
        index = PHASES.index(phase)
        start = sum(lengths[:index])
        return start, start + lengths[index]

    @property
    def load_s(self) -> float:
        """Seconds from T0 to the last planned arrival: no request is planned in the drain."""
        return self.window(DRAIN)[0]

    @property
    def total_s(self) -> float:
        return self.window(DRAIN)[1]


FULL = Phases(warmup_s=10, baseline_s=20, fault_s=30, recovery_s=20, drain_s=10)
QUICK = Phases(warmup_s=3, baseline_s=5, fault_s=8, recovery_s=5, drain_s=1)
