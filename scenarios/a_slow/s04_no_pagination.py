"""No pagination: every customer has booked sixteen hundred times, and the list has no limit.

The naive twin was written when anybody's bookings fitted on one page. Today it reads every row, makes an object of
each, and sends 290 kB of JSON. That keeps the Python process busy, and all other requests in the same process wait.
The hardened twin sends one page, and the key after which the next one begins.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, LatencyQuantile, RightAnswers
from lab.faults import Surge
from lab.model import FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s04-no-pagination",
    title="A list without an end",
    hypothesis="While customers look at long lists, 19 in 20 of those who ask for one booking get it within "
    "a second.",
    question=Question(
        text="Who suffers first from a list of 1,600 bookings?",
        choices={
            "a": "the database",
            "b": "the network",
            "c": "the Python process, and everybody it serves",
        },
        answer="c",
        because="The database reads 1,600 rows in a few milliseconds. Turning them into 1,600 objects and "
        "290 kB of JSON takes Python some 65 ms, and only one thread of a process runs Python at a time (the GIL).",
    ),
    mirrors="The closest is DynamoDB, 2015: replies with the members of a partition grew until they took longer than "
    "was allowed (aws.amazon.com/message/5467D2)",
    quick=replace(QUICK, recovery_s=8),  # what has piled up takes a while
    load=Load(rate_rps=6, mix={"user_bookings": 1, "get_booking": 3}, good_within_ms=1_000),
    sizes={"users": 20, "bookings": 32_000, "wallets": 20},
    baseline_good_min=0.9,  # a long list takes up a core even when it is the only one
    faults=(Surge(times=10),),
    checks=(
        LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=1_000, ops=("get_booking",)),
        GoodRatio(phase=FAULT, at_least=0.95),
        RightAnswers(),
    ),
    defences=("keyset_pagination",),
    lesson="keyset_pagination: a page has a maximum size, and the next one begins after a key.",
    code=("users.bookings_of",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
