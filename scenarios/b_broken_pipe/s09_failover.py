"""Failover: again and again, the database ends all sessions.

What was not committed is rolled back, and the database accepts new connections at once. So the whole transaction can
be repeated within the same request, and the client need not know. The naive twin answers 500 to whoever was unlucky,
and throws away the rest of its pool each time.
"""

from dataclasses import replace

from lab.checks.invariants import TRANSFERS, ExactlyOnce
from lab.checks.slos import CleanRefusals, RightAnswers, ServedRatio
from lab.faults import DropSessions, Latency
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s09-failover",
    title="All sessions end, again and again",
    hypothesis="When the database ends all sessions, hardly any request has an unknown outcome, and at least three in "
    "four are served within a second.",
    question=Question(
        text="Suppose the database ends every session once a second, and a transfer takes 0.3 s. New connections are "
        "accepted at once. How many requests have to fail?",
        choices={
            "a": "those that were under way each time, about a third",
            "b": "hardly any",
            "c": "all",
        },
        answer="b",
        because="Only a request without a key whose COMMIT was sent and not answered has to fail. Whatever else was "
        "under way was rolled back and can be done again, on a new connection, before the request's deadline of 1 s.",
    ),
    mirrors="Discord, October 2017: after a failover of Redis, API instances did not reconnect and had to be restarted "
    "(discordstatus.com/incidents/qk9cdgnqnhcn)",
    quick=replace(QUICK, fault_s=14),
    load=Load(
        rate_rps=8,
        mix={"transfer_repeated": 3, "scarce_transfer": 0.4, "get_booking": 1},
        good_within_ms=1_000,
    ),
    faults=(
        Latency(link=DATABASE, latency_ms=30),
        DropSessions(times=12),
    ),
    checks=(
        CleanRefusals(phase=FAULT, at_most=0.05),
        ServedRatio(phase=FAULT, at_least=0.75),
        ExactlyOnce(),
        RightAnswers(),
        *TRANSFERS,
    ),
    defences=("transaction_retry",),
    lesson="transaction_retry: what was rolled back is done again, as a whole.",
    code=("transfers.move",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
