"""Double booking and lost update: many people want the same hour of the same room, or edit the same profile.

The naive twin checks whether the room is free, charges, and inserts. Between the check and the insert others check
too, and latency widens that gap. The hardened twin lets the database decide, by a constraint that two overlapping
bookings cannot both satisfy. That alone would charge those who lose the race as well, so it writes the booking first,
as pending, and charges only those whose booking the constraint let in.

No constraint helps those who open the same profile, edit it and save it. The naive twin lets the last one win, and
wipes out what the others saved. The hardened twin asks each of them which version they have seen, and tells whoever
comes second that it has changed.
"""

from lab.checks.invariants import BOOKINGS, ExactlyOnce, NoDoubleBooking, NoLostUpdate, without
from lab.checks.slos import RightAnswers, ServedRatio
from lab.faults import Latency
from lab.model import DATABASE, FAULT, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s13-double-booking",
    title="Double booking and lost update",
    hypothesis="However many ask at once, one room has one booking at a time, and nobody overwrites what they have "
    "not seen.",
    question=Question(
        text="Within half a second, seven people ask for the same hour of one room. How many of them does the naive "
        "twin tell that they have it?",
        choices={
            "a": "one",
            "b": "several",
            "c": "all seven",
        },
        answer="b",
        because="Between the check whether the room is free and the write lie two answers from the database, 2 × 50 "
        "ms, and the charge. All who check in that time find the room free, and get it. Those who come later find it "
        "taken.",
    ),
    mirrors="The closest is Flexcoin, 2014: concurrent transfers overdrew accounts (vladmihalcea.com/race-condition)",
    load=Load(
        rate_rps=20,
        mix={"contested_booking": 5, "edit_profile": 1, "get_booking": 1},
        good_within_ms=1_000,
    ),
    baseline_good_min=0.9,  # even with no latency two saves of one profile meet now and then, and naive mixes them up
    faults=(Latency(link=DATABASE, latency_ms=50),),
    checks=(
        NoDoubleBooking(),
        NoLostUpdate(),
        ServedRatio(phase=FAULT, at_least=0.9),
        RightAnswers(),
        ExactlyOnce(),
        *without(BOOKINGS, NoDoubleBooking),
    ),
    defences=("constraints", "saga", "optimistic_locking"),
    lesson=(
        "constraints: the database enforces the rule under any interleaving. saga: book first, charge second, "
        "or those who lose the race pay too. optimistic_locking: whoever saves names the version they have seen."
    ),
    code=("bookings.ensure_free", "bookings.reserve", "profiles.save"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
