"""The service has less memory than it uses: its workers are killed, one after the other."""

from lab.checks.slos import GoodRatio
from lab.faults import MemoryLimit
from lab.model import FAULT, SERVICE, Load, Scenario

SCENARIO = Scenario(
    name="trial-memory-limit",
    title="A service that runs out of memory",
    hypothesis="What a worker had in hand is lost.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(MemoryLimit(part=SERVICE, memory_mib=96, during=(0.0, 0.5)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
