"""One of two replicas is killed: the balancer stops using it within a second, and the restarter restarts it."""

from lab.checks.slos import GoodRatio
from lab.faults import Kill
from lab.model import BALANCER, FAULT, PAYMENTS, POSTGRES, SERVICE, Load, Restarter, Scenario, Topology

SCENARIO = Scenario(
    name="trial-replica-behind-balancer",
    title="One of two replicas dies",
    hypothesis="Clients notice for a second at most: then the balancer knows.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=20, mix={"get_booking": 1}, good_within_ms=500),
    topology=Topology(
        parts=(POSTGRES, PAYMENTS, BALANCER),
        replicas=2,
        restarter=Restarter(period_s=1.0, failures=2),
    ),
    faults=(Kill(part=SERVICE, member="1", during=(0.1, 1.0)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.85),),
)
