"""Database latency: every answer of the database comes 100 ms late.

The naive twin opens a connection for each request. To open one takes several round trips, and each of them
now waits; the query itself is the smallest part. The hardened twin opened its connections when it started,
keeps them, and makes one round trip for each read.
"""

from lab.checks.slos import GoodRatio, LatencyQuantile, RecoversWithin
from lab.faults import Latency
from lab.model import DATABASE, FAULT, Load, Scenario, Verdict

SCENARIO = Scenario(
    name="s01-db-latency",
    title="Database latency",
    hypothesis="With 100 ms on the way back from the database, reads still answer within 300 ms.",
    question="100 ms on the database link: is one request 100, 300 or 700 ms slower?",
    mirrors="Fortnite, February 2018: latency of the matchmaking database "
    "(fortnite.com/news/postmortem-of-service-outage-at-3-4m-ccu)",
    load=Load(
        rate_rps=30,
        mix={"get_booking": 6, "user_bookings": 2, "rooms_search": 1, "availability": 1},
        good_within_ms=300,
    ),
    faults=(Latency(link=DATABASE, latency_ms=100),),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.95),
        LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=300, ops=("get_booking",)),
        RecoversWithin(at_most_s=5),
    ),
    defences=("connection_pool",),
    lesson="connection_pool: a warm connection costs one round trip, a new one costs several.",
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
