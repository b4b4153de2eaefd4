"""Duplicates: the work was done, the answer was lost on its way to the client, and the client asks again.

Nothing is wrong with the service. For nearly half of the time the network between it and its clients resets
connections, always as the answer arrives. A client cannot tell a lost answer from a lost request, so it asks again.
The naive twin makes the transfer a second time. The hardened twin recognises the request by its key, and sends the
answer that was lost.
"""

from dataclasses import replace

from lab.checks.invariants import TRANSFERS_AND_BOOKINGS, ExactlyOnce
from lab.checks.slos import GoodRatio, RightAnswers
from lab.faults import ResetPeer
from lab.model import EDGE, FAULT, QUICK, Burst, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s15-duplicates",
    title="Lost answers and second requests",
    hypothesis="However many answers are lost, what a client asked for is done once.",
    question=Question(
        text="The answer to a client is lost, and the client asks again. How many transfers does the naive twin make? "
        "And how many bookings of one hour?",
        choices={
            "a": "two transfers, two bookings",
            "b": "two transfers, one booking, and the client is told that the hour is taken",
            "c": "one of each",
        },
        answer="b",
        because="Nothing stands in the way of a second transfer. A second booking finds the hour taken by the client's "
        "own first one, and is refused: the client believes that it has nothing, yet it has paid.",
    ),
    mirrors="Twilio, July 2013: cards were charged again and again "
    "(twilio.com/blog/2013/07/billing-incident-post-mortem)",
    quick=replace(QUICK, fault_s=12),
    load=Load(
        rate_rps=16,
        mix={
            "transfer_repeated": 3,
            "transfer_doubled": 1,
            "scarce_transfer": 0.3,
            "create_booking_repeated": 1,
            "get_booking": 3,
        },
        good_within_ms=1_000,
    ),
    faults=(ResetPeer(link=EDGE, burst=Burst(on_s=0.7, off_s=0.9)),),
    checks=(
        ExactlyOnce(),
        GoodRatio(phase=FAULT, at_least=0.15),  # how many answers get through is up to the network
        RightAnswers(),
        *TRANSFERS_AND_BOOKINGS,
    ),
    defences=("idempotency",),
    lesson="idempotency: asking again is safe, and the answer is the same.",
    code=("transfers.move",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
