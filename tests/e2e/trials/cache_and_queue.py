"""Two parts that the booking service does not use yet: up, behind links of their own, slow and unreachable in turn."""

from lab.checks.slos import GoodRatio
from lab.faults import Down, Latency
from lab.model import CACHE, FAULT, PAYMENTS, POSTGRES, QUEUE, Load, Scenario, Topology

SCENARIO = Scenario(
    name="trial-cache-and-queue",
    title="A slow cache, a queue that is gone",
    hypothesis="Who uses neither notices nothing.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 1}, good_within_ms=500),
    topology=Topology(parts=(POSTGRES, PAYMENTS, CACHE, QUEUE)),
    faults=(
        Latency(link=CACHE, latency_ms=80, during=(0.0, 0.6)),
        Down(link=QUEUE, during=(0.3, 1.0)),
    ),
    checks=(GoodRatio(phase=FAULT, at_least=0.95),),
)
