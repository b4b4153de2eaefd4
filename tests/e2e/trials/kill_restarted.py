"""The service is killed twice, and its restarter starts it again each time."""

from lab.checks.slos import GoodRatio
from lab.faults import Kill
from lab.model import FAULT, SERVICE, Load, Restarter, Scenario, Topology

SCENARIO = Scenario(
    name="trial-kill-restarted",
    title="A service that is killed and restarted",
    hypothesis="A second or two is lost each time.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    topology=Topology(restarter=Restarter(period_s=0.5)),
    faults=(Kill(part=SERVICE, times=2),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
