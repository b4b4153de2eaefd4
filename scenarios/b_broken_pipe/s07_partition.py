"""Hard partition: the database is gone, and every attempt to reach it fails at once.

Neither twin can do its work now. What differs is what callers and the load balancer are told. The naive twin answers
500, which after a write does not say whether anything was done, and reports itself ready all the while. The hardened
twin refuses in milliseconds, says that nothing was done and when to try again, and takes itself out of rotation.
"""

from dataclasses import replace

from lab.checks.invariants import TRANSFERS_AND_BOOKINGS
from lab.checks.slos import (
    AnswersWithin,
    CleanRefusals,
    GoodRatio,
    RecoversWithin,
    RetryAfter,
    RightAnswers,
    TruthfulReadiness,
)
from lab.faults import Down
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s07-partition",
    title="Hard partition from the database",
    hypothesis="Without its database the service refuses fast and honestly, tells the load balancer that it is not "
    "ready, and recovers within 5 s of healing.",
    question=Question(
        text="The database is gone. A client asked for a transfer and got a 500. What can it conclude?",
        choices={
            "a": "that the transfer was not made",
            "b": "that it was made",
            "c": "nothing: it may or may not have been made",
        },
        answer="c",
        because="A connection can break before the commit or after it, and a bare 500 does not say which. So retrying "
        'may pay twice, and giving up may lose the payment. A 503 with the effect "none" says that nothing was done.',
    ),
    mirrors="GitHub, October 2018: 43 s of lost connectivity, more than 24 hours degraded "
    "(github.blog/2018-10-30-oct21-post-incident-analysis)",
    quick=replace(QUICK, recovery_s=10),
    load=Load(
        rate_rps=24,
        mix={
            "get_booking": 5,
            "user_bookings": 2,
            "create_booking": 2,
            "transfer": 1,
            "scarce_transfer": 1,
            "readyz": 2,
            "healthz": 7,
        },
        good_within_ms=500,
    ),
    faults=(Down(link=DATABASE),),
    checks=(
        CleanRefusals(phase=FAULT, at_most=0.05),
        RetryAfter(phase=FAULT),
        GoodRatio(phase=FAULT, at_least=0.9, ops=("healthz",)),
        TruthfulReadiness(at_most_s=2),
        AnswersWithin(phase=FAULT, at_most_ms=300, share=0.8),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
        *TRANSFERS_AND_BOOKINGS,
    ),
    defences=("honest_errors", "readiness", "circuit_breaker"),
    lesson="honest_errors: an error says whether anything was done. readiness: the probe tells the truth. "
    "circuit_breaker: clients that cannot be served are told at once.",
    code=("health.obstacle", "transfers.move"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
