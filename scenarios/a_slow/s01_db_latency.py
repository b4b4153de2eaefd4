"""Database latency: every answer from the database arrives 100 ms late.

The naive twin reads as a SQLAlchemy session does by default: BEGIN, SELECT, ROLLBACK. On a laptop three round trips
cost nothing; now each takes 100 ms, and only one of them does the work. When all five connections in its pool are in
use, it also opens another, which takes four more round trips. The hardened twin sends the SELECT alone, over
connections that are already open.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, LatencyQuantile, RecoversWithin, RightAnswers
from lab.faults import Latency
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s01-db-latency",
    title="Database latency",
    hypothesis="With 100 ms on the way back from the database, reads still answer within 250 ms.",
    question=Question(
        text="100 ms on the database link: how much longer does the naive twin take to read one booking "
        "over an open connection?",
        choices={
            "a": "100 ms",
            "b": "300 ms",
            "c": "700 ms",
        },
        answer="b",
        because="A SQLAlchemy session makes three round trips for one row: BEGIN, SELECT, ROLLBACK, so 3 × 100 ms, "
        "and four more where it has to open a connection. The hardened twin sends the SELECT alone: 100 ms.",
    ),
    mirrors="Fortnite, February 2018: latency of the matchmaking database "
    "(fortnite.com/news/postmortem-of-service-outage-at-3-4m-ccu)",
    quick=replace(QUICK, recovery_s=10),
    load=Load(
        rate_rps=22,
        mix={"get_booking": 6, "user_bookings": 2, "rooms_search": 1, "availability": 1},
        good_within_ms=250,
    ),
    faults=(Latency(link=DATABASE, latency_ms=100),),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.9),
        LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=250, ops=("get_booking",)),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
    ),
    defences=("one_round_trip_reads",),
    lesson="one_round_trip_reads: a read takes one round trip; a transaction around it makes that three.",
    code=("db.init_app", "defences.one_round_trip_reads.sessions", "rooms.taken"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
