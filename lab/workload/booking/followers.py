"""What follows a request: a retry, a second request that races the first, or a look at what it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lab.model import Arrival
from lab.workload import Follower, Intent
from lab.workload.booking.operations import a_transfer, last_shared

CROSSING_AFTER_S = 0.01  # longer than between two locks when all is well, shorter than one slow round trip
REPEAT_AFTER_S = 2.1
READ_AFTER_S = 1.0
HELD_FOR_S = 3.0


def again(intent: Intent, first: Arrival) -> Arrival:
    """The same request under the same key, from a client that has given up waiting for the answer."""
    return replace(first, i=intent.i, at_s=intent.at_s, patience_s=None, repeats=first.i)


def back(intent: Intent, first: Arrival) -> Arrival:
    """Another transfer, in the opposite direction."""
    there = first.body or {}
    return a_transfer(intent, there["to_wallet_id"], there["from_wallet_id"])


def as_much(intent: Intent, first: Arrival) -> Arrival:
    """Another transfer of the same amount, from the same wallet to another: there is enough for only one of them."""
    there = first.body or {}
    taker = there["to_wallet_id"] % last_shared(intent) + 1
    return a_transfer(intent, there["from_wallet_id"], taker, there["amount_cents"])


def own_booking(intent: Intent, first: Arrival) -> Arrival:
    """What the client was told a second ago, read back."""
    return _read_back(intent, first, "/bookings/{id}/")


def own_hold(intent: Intent, first: Arrival) -> Arrival:
    """The hold that the client was promised three seconds ago, read back."""
    return _read_back(intent, first, "/holds/{id}/")


def _read_back(intent: Intent, first: Arrival, path: str) -> Arrival:
    return replace(intent.read(path, **(first.expect or {})), reads=first.i)


FOLLOWERS: Mapping[str, Follower] = {
    "create_booking_repeated": Follower(after_s=REPEAT_AFTER_S, make=again),
    "transfer_repeated": Follower(after_s=REPEAT_AFTER_S, make=again),
    "crossing_transfer": Follower(after_s=CROSSING_AFTER_S, make=back),
    "scarce_transfer": Follower(after_s=CROSSING_AFTER_S, make=as_much),
    "create_booking_read": Follower(after_s=READ_AFTER_S, make=own_booking, op="own_booking"),
    "create_hold_read": Follower(after_s=HELD_FOR_S, make=own_hold, op="own_hold"),
}
