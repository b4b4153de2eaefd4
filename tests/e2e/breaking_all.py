"""A scenario that breaks a bit of everything, each for a moment, to exercise the lab."""

from lab.checks.slos import GoodRatio
from lab.faults import CpuLimit, Kill, Latency, Pause, TableLock
from lab.model import DATABASE, FAULT, PAYMENTS, POSTGRES, SERVICE, Load, Phases, Scenario

SCENARIO = Scenario(
    name="breaking-all",
    title="A bit of everything",
    hypothesis="None.",
    mirrors="None: it lists what the lab does to a machine.",
    load=Load(rate_rps=10, mix={"get_booking": 1}, good_within_ms=500),
    faults=(
        Latency(link=DATABASE, latency_ms=50, during=(0.0, 0.3)),
        CpuLimit(part=SERVICE, cpus=0.5, during=(0.0, 0.3)),
        Pause(part=POSTGRES, during=(0.3, 0.5)),
        TableLock(table="bookings", during=(0.5, 0.7)),
        Kill(part=PAYMENTS, during=(0.7, 1.0)),
    ),
    checks=(GoodRatio(phase=FAULT, at_least=0.0),),
    quick=Phases(warmup_s=0.2, baseline_s=0.5, fault_s=2.0, recovery_s=3.0, drain_s=0.3),
)
