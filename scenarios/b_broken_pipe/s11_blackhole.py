"""Blackhole: the database is there, accepts every byte and never answers.

First the database's answers vanish, then the queries to it. There is no error, no log line and no CPU load: one naive
thread after another waits on a connection that looks healthy, until no thread is left and even /healthz waits. No
setting of the driver, of TCP or of the server frees a thread from this; only a deadline that the service itself
enforces does.

A client that asks for a transfer here waits at most 2 s and, without an answer or after a 502, 503 or 504, asks again
under the same key. Meanwhile the naive twin still has the first request in its queue. When the link is healed it works
through the queue: it makes the transfer that nobody is waiting for any more, and then the retry. The hardened twin has
answered long before and does nothing after that: even with the defence `idempotency` off, it makes no transfer twice
here.
"""

from dataclasses import replace

from lab.checks.invariants import TRANSFERS_AND_BOOKINGS, ExactlyOnce
from lab.checks.slos import AnswersWithin, GoodRatio, RecoversWithin, RightAnswers
from lab.faults import Timeout
from lab.model import DATABASE, FAULT, QUICK, Load, Question, Scenario, ServerProfile, Topology, Verdict

SCENARIO = Scenario(
    name="s11-blackhole",
    title="Blackhole between service and database",
    hypothesis="Every request is answered within 2 s (the deadline of 1 s and 1 s to spare), liveness stays green, "
    "and the service recovers within 5 s of healing.",
    question=Question(
        text="PostgreSQL ends a statement after statement_timeout, say 1 s. How long does the service wait for a "
        "query whose answer is lost on the way?",
        choices={
            "a": "1 s",
            "b": "until TCP gives up, about 15 minutes",
            "c": "as long as the link is silent",
        },
        answer="c",
        because="The server has long finished, or never got the query: there is nothing for its timeout to end. TCP "
        "keeps the connection, since the proxy acknowledges everything that is sent; if packets were lost instead, it "
        "would give up after about 15 minutes. Only a deadline that the service itself enforces ends the wait.",
    ),
    mirrors="KubeBlocks on OKE: about 15 minutes of hanging after a failover, as packets to the old address vanished "
    "(kubeblocks.io/blog/oci-tcp-blackhole-troubleshooting)",
    quick=replace(QUICK, recovery_s=10),
    load=Load(
        # Low enough that the naive twin's backlog does not keep both cores busy for long after healing.
        rate_rps=18,
        mix={
            "get_booking": 5,
            "user_bookings": 2,
            "create_booking": 2,
            "transfer_repeated": 1,
            "scarce_transfer": 1,
            "healthz": 5,
        },
        good_within_ms=500,
        client_timeout_s=5,
    ),
    # 32 threads in all: few enough to run out of in a quick run.
    topology=Topology(profile=ServerProfile(threads=16)),
    faults=(
        Timeout(link=DATABASE, timeout_ms=0, direction="downstream", during=(0.0, 0.5)),
        Timeout(link=DATABASE, timeout_ms=0, direction="upstream", during=(0.5, 1.0)),
    ),
    checks=(
        AnswersWithin(phase=FAULT, at_most_ms=2_000),  # a deadline of 1 s, 0.25 s of grace, and a busy core
        GoodRatio(phase=FAULT, at_least=0.8, ops=("healthz",)),
        RecoversWithin(at_most_s=5),
        RightAnswers(),
        ExactlyOnce(),
        *TRANSFERS_AND_BOOKINGS,
    ),
    defences=("deadline",),
    lesson="deadline: frees the thread however silent the database is, and does no work for clients who have left.",
    code=("db.init_app", "defences.deadline.DeadlineConnection.wait"),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
