"""What every runtime must do with a running twin's payments company: it asks for a token, and keeps its charges.

A subclass brings the fixture `testbed`, which stands.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from lab.model import PAYMENTS, Life, PartState, a_part
from lab.workload.booking import BOOKING
from loadtests.final_state import charges
from tests.fabricated.evidence import HARDENED, NAIVE
from tests.standing import TOKEN

KILLED, STOPPED = PartState(life=Life.DEAD), PartState(life=Life.DEAD, grace_s=2)
BACK_WITHIN_S = 20.0
TRIES = 6


def book(testbed: Any, twin: str, month: int) -> str:
    """Make and pay for a booking as a client does; returns its reference.

    The naive twin finds out by a 500 that others ended its sessions before: once in each worker.
    """
    for hour in range(TRIES):
        slot = {
            "starts_at": f"2031-{month:02}-01T{hour:02}:00:00Z",
            "ends_at": f"2031-{month:02}-01T{hour + 1:02}:00:00Z",
        }
        asked = {"user_id": 1, "room_id": 1, "reference": f"paid-{month}-{hour}", **slot}
        with suppress(urllib.error.HTTPError):
            assert sent(f"{testbed.published(twin)['edge']}/bookings/", asked)["status"] == "confirmed"
            return str(asked["reference"])
    raise AssertionError(f"{twin} books nothing")


def sent(url: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(asked).encode(), headers)) as answer:
        return dict(json.load(answer))


def charged(testbed: Any, twin: str, token: str = TOKEN) -> list[str]:
    """What was paid for, as the lab reads it at the end of a run."""
    items = charges(testbed.targets(twin)["direct_payments"], token, 5)
    return [item["reference"] for item in items]


def charged_when_back(testbed: Any, twin: str) -> list[str]:
    give_up = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            return charged(testbed, twin)
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.1)


class ChargesSuite:
    @pytest.mark.parametrize("twin", [NAIVE, HARDENED])
    @pytest.mark.parametrize(("month", "dead"), [(1, KILLED), (2, STOPPED)], ids=["killed", "stopped"])
    def test_a_charge_outlives_the_company_that_made_it(
        self, testbed: Any, twin: str, month: int, dead: PartState
    ) -> None:
        company = testbed.actuator(twin, a_part(PAYMENTS))
        reference = book(testbed, twin, month)
        try:
            assert company.set(dead) == dead
        finally:
            assert company.set(company.healthy) == company.healthy
        assert charged_when_back(testbed, twin).count(reference) == 1

    def test_who_has_no_token_of_this_run_sees_no_charge(self, testbed: Any) -> None:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            charged(testbed, NAIVE, BOOKING.token("another key"))
