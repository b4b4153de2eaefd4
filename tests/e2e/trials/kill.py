"""The service is killed, and nobody starts it again before the fault is over."""

from lab.checks.slos import GoodRatio
from lab.faults import Kill
from lab.model import FAULT, SERVICE, Load, Scenario

SCENARIO = Scenario(
    name="trial-kill",
    title="A service that is gone",
    hypothesis="Nothing is answered until it is started again.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(Kill(part=SERVICE, during=(0.0, 0.5)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
