"""Jitter: the database is 60 ms away on average, but no two answers take the same time.

A request that makes one round trip is late when that one is. A request that makes four in a row waits for their sum,
and the chance that at least one of them is slow is nearly four times as high. The hardened twin asks once.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, LatencyQuantile, RightAnswers
from lab.faults import Latency
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s06-jitter",
    title="Jitter on the database link",
    hypothesis="With 60 ms on the database link, plus or minus 55, 19 in 20 reads take at most 200 ms.",
    question=Question(
        text="An answer from the database takes 60 ms on average, but anything from 5 to 115 ms. A request makes four "
        "round trips in a row: how long do the slowest 5 % take?",
        choices={
            "a": "about 120 ms, as long as the slowest round trip",
            "b": "about 240 ms, four times the mean",
            "c": "more than 300 ms",
        },
        answer="c",
        because="The sum of four has a mean of 240 ms and a standard deviation of 2 × 32 ms; one in twenty is above "
        "240 + 1.6 × 64 = 342 ms. A single round trip never exceeds 115 ms.",
    ),
    mirrors="No single outage: the paper The Tail at Scale (Dean and Barroso, 2013) describes the mechanism",
    quick=replace(QUICK, fault_s=10),
    load=Load(rate_rps=20, mix={"availability": 3, "get_booking": 1}, good_within_ms=200),
    baseline_good_min=0.9,
    faults=(Latency(link=DATABASE, latency_ms=60, jitter_ms=55),),
    checks=(
        LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=200, ops=("availability",)),
        GoodRatio(phase=FAULT, at_least=0.9),
        RightAnswers(),
    ),
    defences=("one_round_trip_reads",),
    lesson="one_round_trip_reads: one round trip takes at most 115 ms; four in a row take 240 ms on average.",
    code=("rooms.taken",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
