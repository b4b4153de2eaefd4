"""Long-held lock: a migration waits behind a forgotten read, and everybody waits behind the migration.

Somebody has read the bookings table and left the transaction open. A migration needs the table to itself, and queues
for the lock. It holds nothing yet, but PostgreSQL grants locks in the order in which they are requested, so every
SELECT that comes after it queues too. In the naive twin each of these holds a thread and a connection until the
migration is done, and soon no thread is left for those who want something else. The hardened twin stops waiting after
1 s, and keeps threads free for the others.

Two of its defences end the wait. lock_timeout, one of the `server_timeouts`, ends a statement that has waited 0.8 s
for a lock; but what it ends is rolled back, so `transaction_retry` repeats it, up to three times. Without the
`deadline`, a client may thus wait more than 3 s. The deadline ends everything after 1 s, retries included.
"""

from dataclasses import replace

from lab.checks.slos import AnswersWithin, GoodRatio, RecoversWithin, RightAnswers
from lab.faults import TableLock
from lab.model import FAULT, QUICK, Load, Question, Scenario, ServerProfile, Topology, Verdict

SCENARIO = Scenario(
    name="s17-long-lock",
    title="A migration behind an open read",
    hypothesis="While a migration waits for the bookings table, those who look for rooms are served as usual.",
    question=Question(
        text="A SELECT arrives while a migration waits for another SELECT to end. Does it run?",
        choices={
            "a": "yes: two SELECTs do not block each other",
            "b": "no: it waits behind the migration",
            "c": "yes, but it reads old data",
        },
        answer="b",
        because="Locks are granted in the order in which they were requested. The migration holds nothing yet, but "
        "every later request for a lock that conflicts with it waits behind it.",
    ),
    mirrors="GoCardless: an outage of about 15 s: an ALTER queued behind a read, and everything else behind the ALTER "
    "(gocardless.com/blog/zero-downtime-postgres-migrations-the-hard-parts)",
    quick=replace(QUICK, fault_s=12, recovery_s=10),
    load=Load(
        rate_rps=24,
        mix={"get_booking": 3, "rooms_search": 2, "healthz": 1},
        good_within_ms=500,
        client_timeout_s=5,
    ),
    # 32 threads in all: few enough to run out of in a quick run.
    topology=Topology(profile=ServerProfile(threads=16)),
    faults=(TableLock(table="bookings", during=(0.1, 1.0)),),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.95, ops=("rooms_search", "healthz")),
        AnswersWithin(phase=FAULT, at_most_ms=2_000),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
    ),
    defences=("server_timeouts", "deadline"),
    lesson="deadline: nobody waits for a lock longer than the answer is worth, retries included. Alone, "
    "server_timeouts is enough. With transaction_retry, which repeats what timed out, only the deadline bounds the "
    "wait.",
    code=("db.init_app", "defences.deadline.DeadlineConnection.wait"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
