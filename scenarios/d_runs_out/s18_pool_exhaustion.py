"""Pool exhaustion: payments take four seconds, and each naive booking holds a database connection meanwhile.

The request opens a session, calls the payments company, and holds its connection while it waits. A pool of fifteen is
empty after fifteen bookings, and then those who only want to read wait for a connection, although the database has
nothing to do. The hardened twin gives its connection back before it calls anybody else.
"""

from dataclasses import replace

from lab.checks.invariants import BOOKINGS
from lab.checks.slos import GoodRatio, RecoversWithin, RightAnswers
from lab.faults import Latency
from lab.model import FAULT, PAYMENTS, QUICK, Load, Question, Scenario, ServerProfile, Topology, Verdict

SCENARIO = Scenario(
    name="s18-pool-exhaustion",
    title="Connections held during a remote call",
    hypothesis="While payments take 4 s, those who read are served as usual.",
    question=Question(
        text="Two workers with 15 connections each, 12 bookings a second, and each holds its connection for 4 s. "
        "After how long does the first reader have to wait?",
        choices={
            "a": "never: readers do not pay",
            "b": "after two to three seconds",
            "c": "after ten seconds",
        },
        answer="b",
        because="12 bookings a second take all 30 connections in 30 / 12 = 2.5 s, and the first comes back only after "
        "4 s. In the steady state 12 × 4 = 48 would be needed.",
    ),
    mirrors="Flagsmith: a backlog of locks exhausted the database's connections "
    "(status.flagsmith.com/incidents/h64tzjy7btly)",
    quick=replace(QUICK, fault_s=12, recovery_s=10),
    load=Load(rate_rps=24, mix={"create_booking": 1, "get_booking": 1}, good_within_ms=1_000),
    topology=Topology(profile=ServerProfile(threads=64)),  # enough: it is the connections that run out
    baseline_good_min=0.9,
    faults=(Latency(link=PAYMENTS, latency_ms=4_000),),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.95, ops=("get_booking",)),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
        *BOOKINGS,
    ),
    defences=("saga", "deadline"),
    lesson="saga: one transaction writes the booking, another confirms it; no connection is held in between.",
    code=("bookings.reserve", "bookings.confirm"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
