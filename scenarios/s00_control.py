"""Control: nothing is broken.

Both twins get the load of an ordinary day. If one of them fails here, the other scenarios prove nothing, because the
twins differ even without a fault. This is also where the price of hardening shows.
"""

from lab.checks.invariants import TRANSFERS_AND_BOOKINGS, ExactlyOnce
from lab.checks.slos import RightAnswers, ServedRatio
from lab.model import FAULT, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s00-control",
    title="Control: nothing is broken",
    hypothesis="With no fault, both twins answer everything in time and keep their data consistent.",
    question=Question(
        text="Which twin is faster when nothing is wrong, and by how much?",
        choices={
            "a": "the naive one, by a factor of two or more: every defence costs",
            "b": "neither: they are within a few milliseconds of each other",
            "c": "the hardened one, by a factor of two or more",
        },
        answer="b",
        because="The defences cost no CPU that we could measure, and the round trips that the hardened twin saves "
        "make it slightly faster.",
    ),
    mirrors="No outage: this is the control.",
    load=Load(
        rate_rps=24,
        mix={
            "get_booking": 6,
            "user_bookings": 2,
            "user_bookings_paged": 1,
            "users_with_bookings": 1,
            "rooms_search": 2,
            "availability": 2,
            "utilisation": 0.2,
            "create_booking": 0.5,
            "create_booking_listed": 0.5,
            "create_booking_shown": 0.5,
            "create_booking_cancelled": 0.5,
            "update_profile": 1,
            "revise_profile": 1,
            "transfer": 2,
            "scarce_transfer": 0.5,
            "healthz": 1,
        },
        good_within_ms=1_000,
    ),
    checks=(
        ServedRatio(phase=FAULT, at_least=0.98),
        RightAnswers(),
        ExactlyOnce(),
        *TRANSFERS_AND_BOOKINGS,
    ),
    expected={"naive": Verdict.HELD, "hardened": Verdict.HELD},
    lesson="Nothing breaks: the run shows what the defences cost in latency and CPU per request.",
)
