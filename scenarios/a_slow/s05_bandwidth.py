"""Bandwidth: the database link has its usual latency but little bandwidth, and long lists hold on to connections.

A small answer gets through a narrow link at once; three hundred rows take seconds. Each naive request that reads them
holds one of the pool's connections for all that time, and when all of them are taken, those who want one small row wait
behind the lists. The limit is per connection, so the small answers themselves would not be slow at all.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, RightAnswers
from lab.faults import Bandwidth
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s05-bandwidth",
    title="A narrow link to the database",
    hypothesis="While others read long lists over a link of 10 KB/s, one booking still arrives within 500 ms.",
    question=Question(
        text="Each connection to the database carries 10 KB/s, and a list is 30 KB. Which requests become slow?",
        choices={
            "a": "the lists",
            "b": "the lists, and then also those that read a single row",
            "c": "all of them, from the start",
        },
        answer="b",
        because="A row of 100 bytes takes 10 ms, so it is not slow by itself. But each list holds a connection for 3 "
        "s, so thirteen lists a second need 39 connections. The two pools have 30.",
    ),
    mirrors="Google Cloud, June 2019: congestion (status.cloud.google.com/incident/cloud-networking/19009)",
    quick=replace(QUICK, fault_s=10),
    load=Load(rate_rps=22, mix={"user_bookings": 1, "get_booking": 1}, good_within_ms=500),
    sizes={"users": 40, "bookings": 12_000, "wallets": 40},
    baseline_alike=8.0,  # three hundred rows take longer than a page, whatever the bandwidth
    faults=(Bandwidth(link=DATABASE, rate_kb_s=10),),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.95, ops=("get_booking",)),
        RightAnswers(),
    ),
    defences=("keyset_pagination",),
    lesson="keyset_pagination: a page gets through a narrow link, and holds its connection only for a moment.",
    code=("users.bookings_of",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
