"""Charge without booking: the payments company takes the money, and its answer never arrives.

First each answer from the payments company is cut off in the middle, then the company cannot be reached at all. The
naive twin charges and then books: a charge whose answer is cut off leaves a customer who has paid for nothing. The
hardened twin writes down what it is about to charge, charges under a key of its own and, if it never learns whether a
charge was made, has it refunded as soon as the company can be reached again.
"""

from dataclasses import replace

from lab.checks.invariants import BOOKINGS, ChargesMatch, without
from lab.checks.slos import CleanRefusals, GoodRatio, RecoversWithin, RightAnswers
from lab.faults import Down, LimitData
from lab.model import FAULT, PAYMENTS, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s33-charge-without-booking",
    title="A charge without a booking",
    hypothesis="Whoever has paid has a room, and whoever has no room gets the money back.",
    question=Question(
        text="The naive twin charges, and the answer is cut off in the middle. Who has the money, and who has the "
        "room?",
        choices={
            "a": "the company has the money, the customer has the room",
            "b": "the company has the money, nobody has the room",
            "c": "the charge is rolled back",
        },
        answer="b",
        because="The charge was made; only its answer was lost. The naive twin raises an exception before it books, "
        "and nobody ever gives the money back.",
    ),
    mirrors="Twilio, July 2013: cards were charged while balances were not updated "
    "(twilio.com/blog/2013/07/billing-incident-post-mortem)",
    quick=replace(QUICK, fault_s=10, recovery_s=10),
    load=Load(rate_rps=16, mix={"create_booking": 3, "get_booking": 5}, good_within_ms=1_000),
    faults=(
        LimitData(link=PAYMENTS, limit_bytes=100, during=(0.0, 0.5)),
        Down(link=PAYMENTS, during=(0.5, 1.0)),
    ),
    checks=(
        ChargesMatch(),
        CleanRefusals(phase=FAULT, at_most=0.1),
        GoodRatio(phase=FAULT, at_least=0.95, ops=("get_booking",)),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
        *without(BOOKINGS, ChargesMatch),
    ),
    defences=("saga",),
    lesson="saga: what was begun and cannot be finished is undone.",
    code=("bookings.pay", "bookings.confirm", "payments.charge"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
