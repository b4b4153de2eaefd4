"""In-memory state: a hold (a note that a user may want a room) is kept in a dict of the worker that served it.

Two workers serve the same clients, each with its own dict and its own numbers, so even when nothing breaks the naive
twin does not find some of its holds, or shows somebody else's under the same id. When the service is killed and
started again, it forgets them all. The hardened twin keeps them in the database, where both workers look.
"""

from dataclasses import replace

from lab.checks.invariants import WRITES, JustifiedRefusals, NoLostAcks, UniqueIds, without
from lab.checks.slos import GoodRatio, RightAnswers
from lab.faults import Kill
from lab.model import FAULT, QUICK, SERVICE, Load, Question, Restarter, Scenario, Topology, Verdict

SCENARIO = Scenario(
    name="s20-memory-of-a-worker",
    title="State in the memory of a worker",
    hypothesis="What a client was promised is still known after a restart of the service.",
    question=Question(
        text="The service is killed and started again within a second, twice. Which of the holds that clients were "
        "promised does the naive twin still know at the end?",
        choices={
            "a": "all of them",
            "b": "those since the last restart, if you ask the worker that made them",
            "c": "those since the last restart, whichever worker you ask",
        },
        answer="b",
        because="A dict lives in the memory of one process and dies with it. Each of the two workers has a dict of its "
        "own, so the other one does not know the hold, or has another client's under the same number.",
    ),
    mirrors="Twilio, July 2013: balances lived in an in-memory store that came back empty "
    "(twilio.com/blog/2013/07/billing-incident-post-mortem)",
    quick=replace(QUICK, fault_s=20),
    load=Load(rate_rps=14, mix={"create_hold_read": 2, "get_booking": 3}, good_within_ms=1_000),
    topology=Topology(restarter=Restarter(period_s=0.5)),
    baseline_good_min=0.6,  # with two workers, some of the naive twin's holds are missing from the start
    faults=(Kill(part=SERVICE, times=2),),
    checks=(
        NoLostAcks(),
        GoodRatio(phase=FAULT, at_least=0.15),
        RightAnswers(),
        UniqueIds(),
        JustifiedRefusals(),  # clients only look for holds that they were promised, so a 404 is a lie
        *without(WRITES, NoLostAcks),
    ),
    defences=("durable_state",),
    lesson="durable_state: a promise is stored where every worker can find it.",
    code=("holds.remember",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
