"""Deadlock: A pays B while B pays A.

The naive twin locks the payer's wallet, then the payee's, in the order in which the request names them. Each
transfer here is met by one in the opposite direction, 10 ms later. With nothing wrong the first usually has both its
locks by then. With 30 ms on the way back from the database, each of the two holds one wallet when it asks for the
other, so nine pairs in ten wait for each other. After deadlock_timeout, 1 s, PostgreSQL aborts one of the two, which
the naive twin answers with a 500; the other is served, more than a second late. Money is neither made nor lost.

The hardened twin locks wallets in one fixed order, so no deadlock can form, and retries what the database asks it to
retry. Without that order its retries still serve most clients, but one in twenty is refused, the slowest waits far
longer, and the database counts dozens of deadlocks.
"""

from dataclasses import replace

from lab.checks.invariants import TRANSFERS, ExactlyOnce, NoDeadlocks
from lab.checks.slos import CleanRefusals, LatencyQuantile, RightAnswers
from lab.faults import Latency
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s16-deadlock",
    title="Deadlock between transfers",
    hypothesis="Transfers in both directions between the same wallets never deadlock, hardly any has an unknown "
    "outcome, and nine in ten take at most a second.",
    question=Question(
        text="A pays B while B pays A, and each holds the lock that the other needs. Who ends that, and after how "
        "long?",
        choices={
            "a": "nobody: both wait until their clients give up",
            "b": "the database, after 1 s: it ends one of the two",
            "c": "the database, at once: it ends both",
        },
        answer="b",
        because="PostgreSQL looks for a cycle of waits after deadlock_timeout, 1 s by default, and aborts one "
        "transaction of the cycle. Money does not vanish: the aborted transaction is rolled back.",
    ),
    mirrors="The closest is GitHub, November 2021: replicas deadlocked in a migration step "
    "(github.blog/2021-12-01-github-availability-report-november-2021)",
    quick=replace(QUICK, fault_s=20),
    load=Load(
        rate_rps=10,
        mix={"crossing_transfer": 3, "scarce_transfer": 0.8, "get_booking": 6.6},
        good_within_ms=1_000,
    ),
    baseline_good_min=0.8,  # now and then two transfers deadlock even with no latency
    faults=(Latency(link=DATABASE, latency_ms=30),),
    checks=(
        NoDeadlocks(),
        CleanRefusals(phase=FAULT, at_most=0.03),
        LatencyQuantile(phase=FAULT, quantile=0.9, at_most_ms=1_000, ops=("crossing_transfer",)),
        RightAnswers(),
        ExactlyOnce(),
        *TRANSFERS,
    ),
    defences=("lock_order",),
    lesson="lock_order: no circular wait, no deadlock. transaction_retry only hides a deadlock from the client, after "
    "the wait; the database still counts it.",
    code=("transfers.lock_wallets",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
