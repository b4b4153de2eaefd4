"""Deadlock: A pays B while B pays A.

The naive twin locks the giver's wallet, then the taker's, as the request names them. Two transfers that cross then wait
for each other; after deadlock_timeout PostgreSQL ends one of them, which the naive twin answers with a 500, and
everybody behind them has waited. The hardened twin locks in one order, so that no circle can form, and tries again
where the database asks for it.
"""

from lab.checks.invariants import CleanEndState, Conservation, NoDeadlocks, NoLostAcks, NoPhantoms
from lab.checks.slos import CleanRefusals, LatencyQuantile
from lab.faults import Latency
from lab.model import DATABASE, FAULT, Load, Scenario, Verdict

SCENARIO = Scenario(
    name="s16-deadlock",
    title="Deadlock between transfers",
    hypothesis="Transfers both ways between the same wallets never end in doubt, and hardly one waits for a second.",
    question="Who breaks the tie, after how long, and does money vanish?",
    mirrors="Closest: GitHub, November 2021: replicas deadlocked in a migration step "
    "(github.blog/2021-12-01-github-availability-report-november-2021)",
    load=Load(rate_rps=10, mix={"crossing_transfer": 3, "get_booking": 7}, good_within_ms=1_000),
    faults=(Latency(link=DATABASE, latency_ms=40),),
    checks=(
        NoDeadlocks(),
        CleanRefusals(phase=FAULT, at_most=0.0),
        LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=1_000, ops=("crossing_transfer",)),
        Conservation(),
        NoLostAcks(),
        NoPhantoms(),
        CleanEndState(),
    ),
    defences=("lock_order", "transaction_retry"),
    lesson="lock_order: no circle, no deadlock. transaction_retry forgives one, but only after the wait.",
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
