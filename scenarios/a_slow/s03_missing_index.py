"""Missing index: the list of a user's bookings reads the whole table, and nobody notices until the crowd comes.

The table has two hundred thousand rows, and the database reads them all for every list. At a quiet hour nobody minds.
When ten times as many clients come, the database's core is busy reading rows that nobody wants, and the clients who ask
for one booking by its id, which has an index, wait as long as everybody else. With an index on the column by which the
list is filtered, a list costs no more than the rows it shows.
"""

from dataclasses import replace

from lab.checks.slos import GoodRatio, LatencyQuantile, RightAnswers
from lab.faults import Surge
from lab.model import FAULT, QUICK, Load, Question, Scenario, Verdict

SCENARIO = Scenario(
    name="s03-missing-index",
    title="A missing index under a crowd",
    hypothesis="With ten times the clients, 19 in 20 of those who ask for one booking get it within a second.",
    question=Question(
        text="Without an index, each list reads a table of 200,000 rows. Ten times as many clients come. Who waits?",
        choices={
            "a": "those who ask for a list",
            "b": "nobody: reads do not block each other",
            "c": "everybody, even those who ask for one booking by its id",
        },
        answer="c",
        because="Without an index every row is read to find the few that are wanted. That keeps the database's core "
        "busy, so requests that can use an index wait too.",
    ),
    mirrors="GitHub, March 2022: peak load and slow queries drove the database proxy to its limit of connections "
    "(github.blog/2022-03-23-an-update-on-recent-service-disruptions)",
    load=Load(rate_rps=6, mix={"user_bookings": 5, "get_booking": 1}, good_within_ms=1000),
    quick=replace(QUICK, fault_s=10, recovery_s=8),  # what has piled up takes a while
    sizes={"users": 5_000, "bookings": 200_000},
    baseline_alike=10.0,  # reading the whole table is slow for a single client, too
    faults=(Surge(times=10),),
    checks=(
        LatencyQuantile(phase=FAULT, quantile=0.9, at_most_ms=1000, ops=("get_booking",)),
        GoodRatio(phase=FAULT, at_least=0.8),
        RightAnswers(),
    ),
    defences=("indexes",),
    lesson="indexes: a list costs no more than the rows it shows, however long the table is.",
    code=("schema.indexes",),
    expected={"naive": Verdict.BROKEN, "hardened": Verdict.HELD},
)
