"""Partial write: the profile is updated, its audit row is not.

The naive twin commits each of the two statements by itself, and the network breaks now and then. A request cut off
between the two commits leaves half of its work behind. Swapping the statements only changes which half. One transaction
leaves both or neither.
"""

from dataclasses import replace

from lab.checks.invariants import WRITES, AtomicPair
from lab.checks.slos import GoodRatio, RightAnswers
from lab.faults import Down, Latency
from lab.model import DATABASE, FAULT, QUICK, Burst, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s14-partial-write",
    title="Partial write: profile and audit",
    hypothesis="Every version of a profile has its audit row, and every audit row its version.",
    question=Question(
        text="The profile is written first, the audit row second, each with a commit of its own. Which table will be "
        "ahead? And if the two are swapped?",
        choices={
            "a": "the profile; swapped, the audit row",
            "b": "the profile; swapped, neither",
            "c": "the audit row, whichever comes first",
        },
        answer="a",
        because="Whatever is committed first is already there when the connection breaks before the second commit. "
        "Swapping changes which half is missing, not whether one is.",
    ),
    mirrors="Twilio, July 2013: cards were charged while balances were not updated "
    "(twilio.com/blog/2013/07/billing-incident-post-mortem)",
    quick=replace(QUICK, fault_s=14),
    load=Load(rate_rps=14, mix={"update_profile": 5, "get_booking": 1}, good_within_ms=1_000),
    baseline_good_min=0.95,  # now and then two updates of one user coincide, and the naive twin mixes them up
    faults=(
        Latency(link=DATABASE, latency_ms=30),
        Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=1.8)),
    ),
    checks=(
        AtomicPair(),
        GoodRatio(phase=FAULT, at_least=0.25),  # few bursts: the share varies widely
        RightAnswers(),
        *WRITES,
    ),
    defences=("one_transaction",),
    lesson="one_transaction: both rows or neither.",
    code=("profiles.save",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
