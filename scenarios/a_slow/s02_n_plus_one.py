"""N+1 under latency: a page of twenty users, and one more query for the bookings of each.

On a laptop the database is a fraction of a millisecond away, and nobody notices twenty-one queries. With 50 ms on
the link they take more than a second. The hardened twin reads the bookings of all twenty users in one query.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, LatencyQuantile, RightAnswers, StatementsPerRequest
from lab.faults import Latency
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s02-n-plus-one",
    title="N+1 queries under latency",
    hypothesis="A page of twenty users with their bookings answers within 500 ms although the database is 50 ms away.",
    question=Question(
        text="The page lists twenty users with their bookings. How many times does the naive twin wait 50 ms for it?",
        choices={
            "a": "once",
            "b": "twice",
            "c": "three times",
            "d": "more than twenty times",
        },
        answer="d",
        because="One query for the page, one for the bookings of each of its twenty users, BEGIN and ROLLBACK: 23 "
        "round trips, 1,150 ms. Two queries, however long the page is, take 100 ms.",
    ),
    mirrors="The closest is Slack, 22 February 2022: a query to every shard turned cache misses into overload "
    "(slack.engineering/slacks-incident-on-2-22-22)",
    quick=replace(QUICK, fault_s=16),  # long enough for a quantile of the pages alone
    load=Load(rate_rps=6, mix={"users_with_bookings": 3, "get_booking": 1}, good_within_ms=500),
    baseline_alike=8.0,  # twenty-one queries are slow even on a link without latency,
    baseline_good_min=0.9,  # and a few such pages at once fill a core
    faults=(Latency(link=DATABASE, latency_ms=50),),
    checks=(
        StatementsPerRequest(route="/users/", at_most=3),
        LatencyQuantile(phase=FAULT, quantile=0.9, at_most_ms=500, ops=("users_with_bookings",)),
        GoodRatio(phase=FAULT, at_least=0.9),
        RightAnswers(),
    ),
    defences=("batched_reads",),
    lesson="batched_reads: two queries per page, however long the page is.",
    code=("users.users_with_bookings",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
