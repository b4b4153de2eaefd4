"""The service gets only a fraction of the CPU time that it needs."""

from lab.checks.slos import GoodRatio
from lab.faults import CpuLimit
from lab.model import FAULT, SERVICE, Load, Scenario

SCENARIO = Scenario(
    name="trial-cpu-limit",
    title="A service without CPU time",
    hypothesis="Everything is late, and the queue grows.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=20, mix={"get_booking": 3, "user_bookings": 1}, good_within_ms=500),
    faults=(CpuLimit(part=SERVICE, cpus=0.05, during=(0.0, 0.5)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
