"""Connection resets: for 0.2 s of every 1.2 s each connection to the database is reset at the first answer.

The database has done the work, and its answer is lost. Whether the work was committed depends on which answer that was,
and a bare error does not tell the client. The hardened twin repeats what was certainly rolled back and, under a key,
also what may have been committed. Nor does it use up its other connections just to find out that they all break.
"""

from dataclasses import replace

from lab.checks.invariants import TRANSFERS, ExactlyOnce
from lab.checks.slos import CleanRefusals, GoodRatio, RightAnswers
from lab.faults import Latency, ResetPeer
from lab.model import DATABASE, FAULT, QUICK, Burst, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s08-resets",
    title="Connections reset at the first answer",
    hypothesis="When connections break in the middle of writes, three in four requests still get the right answer "
    "within a second, hardly any has an unknown outcome, and each write takes effect once.",
    question=Question(
        text="The connection is reset while the service waits for the answer to its UPDATE, before the commit. "
        "Was the transfer made?",
        choices={
            "a": "yes",
            "b": "no",
            "c": "nobody can know",
        },
        answer="b",
        because="When a session ends, PostgreSQL rolls back what was not committed. Only the outcome of an unanswered "
        "COMMIT is unknown, and under a key even that can be repeated safely. So the hardened twin repeats the "
        "transaction, and the client notices nothing.",
    ),
    mirrors="dpdzero, 2024: one request in 20,000 met a connection that the other side had just closed "
    "(dpdzero.com/blogs/the-one-502-in-20000)",
    quick=replace(QUICK, fault_s=20),
    load=Load(
        rate_rps=8,
        mix={"transfer_repeated": 3, "scarce_transfer": 0.3, "get_booking": 1},
        good_within_ms=1000,
    ),
    faults=(
        Latency(link=DATABASE, latency_ms=20),
        ResetPeer(link=DATABASE, burst=Burst(on_s=0.2, off_s=1.0)),
    ),
    checks=(
        CleanRefusals(phase=FAULT, at_most=0.05),
        GoodRatio(phase=FAULT, at_least=0.6),
        ExactlyOnce(),
        RightAnswers(),
        *TRANSFERS,
    ),
    defences=("transaction_retry", "idempotency"),
    lesson="transaction_retry: what was rolled back is done again. idempotency: under a key, so is a "
    "transaction whose COMMIT got no answer, and it still takes effect only once.",
    code=("transfers.move",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
