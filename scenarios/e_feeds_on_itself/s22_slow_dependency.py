"""Slow dependency: one request in four pays, payments hang, and the machinery meant to help makes it worse.

Each naive request that pays keeps its thread until the payments company answers, which it never does. When the last
thread is gone, /healthz is not answered either. The process fails its liveness probe and is restarted, and everything
that it was doing is lost; the balancer sends the clients to the other replica, which fills up twice as fast. The
hardened twin gives payments a compartment and a deadline, and nobody else notices.
"""

from dataclasses import replace

from lab.checks.invariants import BOOKINGS
from lab.checks.slos import GoodRatio, RightAnswers
from lab.faults import Timeout
from lab.model import (
    BALANCER,
    FAULT,
    PAYMENTS,
    POSTGRES,
    QUICK,
    Load,
    Question,
    Restarter,
    Scenario,
    ServerProfile,
    Topology,
    Verdict,
)

SCENARIO = Scenario(
    name="s22-slow-dependency",
    title="A slow dependency and a restart loop",
    hypothesis="While payments hang, those who do not pay do not notice.",
    question=Question(
        text="One request in four pays, and there are twelve threads: six in each of two replicas. Payments begin to "
        "hang. When do clients who do not pay begin to wait, too?",
        choices={
            "a": "never: those who do not pay do not wait",
            "b": "after about three seconds",
            "c": "after about twelve seconds",
        },
        answer="b",
        because="16 requests a second mean four payments a second, each of which keeps its thread: twelve threads "
        "are gone after three seconds. Then nobody answers the liveness probe either, and the replicas are restarted, "
        "again and again.",
    ),
    mirrors="Stack Exchange, July 2016: the page that the balancer used as its health check was slow, and it took all "
    "servers out (stackstatus.net/post/147710624694)",
    quick=replace(QUICK, fault_s=24),
    load=Load(
        rate_rps=16, mix={"create_booking": 2, "get_booking": 4, "rooms_search": 2}, good_within_ms=500
    ),
    topology=Topology(
        parts=(POSTGRES, PAYMENTS, BALANCER),
        replicas=2,
        restarter=Restarter(period_s=1.0, timeout_s=1.0, failures=3),
        profile=ServerProfile(workers=1, threads=6),
    ),
    faults=(Timeout(link=PAYMENTS, timeout_ms=0),),
    checks=(
        GoodRatio(phase=FAULT, at_least=0.9, ops=("get_booking", "rooms_search")),
        RightAnswers(),
        *BOOKINGS,
    ),
    defences=("deadline", "bulkhead"),
    lesson="With all other defences on, bulkhead or deadline alone keeps a slow dependency from taking the last "
    "thread.",
    code=("payments.post",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
