"""Blackhole: the database is there, accepts every byte and never answers.

First its answers vanish, then the questions do. No error comes, no log line, no CPU is used: each naive
worker waits on a healthy-looking connection until none is left, and then even /healthz waits. No setting of
the driver, of TCP or of the server returns a worker from this; only a deadline of the client's own does.

Who wants a transfer here gives up after 2 s and asks once more, under the same key; nobody repeats what was answered.
Meanwhile the naive twin still has the first request in its queue. When the link is whole again it works the queue
off: it makes the transfer for which nobody waits any more, and then the repetition. The hardened twin has answered
long before, and does nothing after that: even without its keys no transfer of this run is made twice.
"""

from lab.checks.invariants import (
    ChargesMatch,
    CleanEndState,
    Conservation,
    ExactlyOnce,
    NoLostAcks,
    NoPhantoms,
    RefusedMeansRefused,
    StoredAsAsked,
)
from lab.checks.slos import AnswersWithin, GoodRatio, RecoversWithin
from lab.faults import Timeout
from lab.model import DATABASE, FAULT, Load, Scenario, ServerProfile, Topology, Verdict

SCENARIO = Scenario(
    name="s11-blackhole",
    title="Blackhole between service and database",
    hypothesis="Every request is answered within the deadline of 1 s + 0.5 s, liveness stays green, "
    "and all is well 5 s after healing.",
    question="statement_timeout is 1 s. When does a request to the database end? And a transfer whose client gave up "
    "after 2 s and asked again: how often is it made?",
    mirrors="KubeBlocks on OKE: about 15 minutes of hanging after a failover, packets to the old address vanished "
    "(kubeblocks.io/blog/oci-tcp-blackhole-troubleshooting)",
    load=Load(
        rate_rps=18,  # what the naive twin works off afterwards must leave both cores to the other in time
        mix={
            "get_booking": 5,
            "user_bookings": 2,
            "create_booking": 2,
            "transfer_repeated": 1,
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
        AnswersWithin(phase=FAULT, at_most_ms=1_500),
        GoodRatio(phase=FAULT, at_least=1.0, ops=("healthz",)),
        RecoversWithin(at_most_s=5),
        NoLostAcks(),
        NoPhantoms(),
        RefusedMeansRefused(),
        ExactlyOnce(),
        Conservation(),
        ChargesMatch(),
        StoredAsAsked(),
        CleanEndState(),
    ),
    defences=("deadline",),
    lesson="deadline: gives a worker back, whatever the silence, and does nothing for clients who have left.",
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
