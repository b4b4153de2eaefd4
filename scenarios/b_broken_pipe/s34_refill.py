"""The pool that cannot refill: the database is far away, and once during the fault all of its sessions end.

A new connection takes several round trips, and at 300 ms each that is longer than a request may last. A service that
opens connections while requests wait for them therefore never completes a request again, although the database
answers all the time. The hardened twin refills its pool in the background; requests that find it empty wait as long
as their deadline allows, or are refused at once.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, RecoversWithin, RightAnswers
from lab.faults import DropSessions, Latency
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s34-refill",
    title="The pool that cannot refill",
    hypothesis="With 300 ms on the database link and all sessions ended once, three in five requests are served within "
    "900 ms, and the service recovers within 5 s of healing.",
    question=Question(
        text="The database answers after 300 ms. A new connection takes four round trips, a request may take 1 s. "
        "A service opens a connection for each request. How many requests does it serve?",
        choices={
            "a": "all",
            "b": "about half",
            "c": "none",
        },
        answer="c",
        because="4 × 300 ms is 1.2 s before the first statement. The database is healthy, yet nobody ever gets an "
        "answer. Connections have to be opened in the background. The naive twin is too slow even while its "
        "connections are open, since BEGIN, SELECT and ROLLBACK take 900 ms.",
    ),
    mirrors="No outage that we can cite: found by attacking our own hardened twin, which a 250 ms health check had cut "
    "off from a database that was answering",
    quick=replace(QUICK, fault_s=14, recovery_s=10),
    load=Load(rate_rps=16, mix={"get_booking": 2, "user_bookings": 1, "availability": 1}, good_within_ms=900),
    faults=(Latency(link=DATABASE, latency_ms=300), DropSessions(during=(0.2, 0.3))),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.6),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
    ),
    defences=("connection_pool", "one_round_trip_reads"),
    lesson="connection_pool: connections are opened in the background, not by the requests that need them.",
    code=("db.init_app",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
