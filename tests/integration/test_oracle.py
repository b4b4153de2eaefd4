"""What the load expects of each operation is what both twins answer, on a real PostgreSQL."""

from __future__ import annotations

from random import Random

import pytest

from lab.workload import Intent
from lab.workload.booking import BOOKING
from loadtests.oracle import is_wrong, rejects_planted_wrong
from tests.twins import HARDENED, NAIVE, SIZES, ask

TURNS = 5
SAYS_NOTHING = {"readyz"}  # its answer is true or false, which a check of its own judges


@pytest.mark.parametrize("twin", [NAIVE, HARDENED])
def test_both_twins_say_what_is_expected_of_each_operation(make, twin):
    app = make(*twin)
    for number, (op, plan) in enumerate(BOOKING.operations.items()):
        for turn in range(TURNS):
            i = number * 100 + turn
            arrival = plan(Intent(i=i, at_s=float(i), op=op, sizes=SIZES, random=Random(i)))
            answer = ask(app, arrival.method, arrival.path, arrival.body, arrival.key or "")
            assert answer.status_code in (200, 201), (op, answer.json)
            assert not is_wrong(arrival.expect, answer.json), (op, arrival.expect, answer.json)
            assert op in SAYS_NOTHING or rejects_planted_wrong(arrival.expect, answer.json), op
