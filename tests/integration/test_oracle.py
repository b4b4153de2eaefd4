"""What the load expects of each operation is what both twins answer, on a real PostgreSQL."""

from __future__ import annotations

from random import Random

import pytest

from lab.workload import Intent
from lab.workload.booking import BOOKING
from loadtests.oracle import is_wrong, rejects_planted_wrong
from tests.twins import HARDENED, NAIVE, SIZES, ask

TURNS = 5
NOT_ENOUGH = "scarce_transfer"  # for what follows it, too
ONCE = "create_booking_repeated"  # the naive twin does not know keys, and finds the room taken
SAYS_NOTHING = {"readyz"}  # its answer is true or false, which a check of its own judges


@pytest.mark.parametrize("twin", [NAIVE, HARDENED])
def test_both_twins_say_what_is_expected_of_each_operation(make, twin):
    app = make(*twin)
    for number, (op, plan) in enumerate(BOOKING.operations.items()):
        for turn in range(TURNS):
            arrival = plan(_intent(op, number * 100 + turn))
            answer = ask(app, arrival.method, arrival.path, arrival.body, arrival.key or "")
            assert answer.status_code in (200, 201), (op, answer.json)
            assert not is_wrong(arrival.expect, answer.json), (op, arrival.expect, answer.json)
            assert op in SAYS_NOTHING or rejects_planted_wrong(arrival.expect, answer.json), op


@pytest.mark.parametrize("twin", [NAIVE, HARDENED])
def test_so_do_they_of_what_follows_an_operation(make, twin):
    app = make(*twin)
    for number, op in enumerate(BOOKING.followers):
        for turn in range(TURNS):
            first = BOOKING.operations[op](_intent(op, number * 100 + 2 * turn))
            told = ask(app, first.method, first.path, first.body, first.key or "")
            assert told.status_code in (200, 201), (op, told.json)
            second, answer = _followed_up(app, first, told)
            if op == NOT_ENOUGH or (op == ONCE and twin == NAIVE):
                assert answer.status_code == 409, (op, answer.json)
                continue
            said = answer.get_json(silent=True)
            assert answer.status_code in (200, 201, 204), (op, said)
            assert not is_wrong(second.expect, said), (op, second.expect, said)
            assert rejects_planted_wrong(second.expect, said), op


def _intent(op, i):
    return Intent(i=i, at_s=float(i), op=op, sizes=SIZES, random=Random(i))


def _followed_up(app, first, told):
    """The request that follows `first`, which was answered like that, and its answer."""
    follower = BOOKING.followers[first.op]
    second = follower.make(_intent(follower.op or first.op, first.i + 1), first)
    path, seen = second.path.replace("{id}", str(told.json.get("id"))), {}
    if second.reads is not None and second.method != "GET" and "ETag" in told.headers:
        seen = {"If_Match": told.headers["ETag"]}
    return second, ask(app, second.method, path, second.body, second.key or "", **seen)
