"""What follows a request: a retry, a second request that races the first, a look at what it wrote, or its undoing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.model import Arrival
from lab.workload import Follower, Intent
from lab.workload.booking.reading import HAS, NOTHING
from lab.workload.booking.writing import a_profile, a_transfer, last_shared

CROSSING_AFTER_S = 0.01  # longer than between two locks when all is well, shorter than one slow round trip
REPEAT_AFTER_S = 2.1
READ_AFTER_S = 1.0
HELD_FOR_S = 3.0
EDITED_FOR_S = 0.8  # longer than all others of the same half second need to open the profile
CLICKED_AGAIN_AFTER_S = 0.2
ALL = 100  # bookings on a page


def again(intent: Intent, first: Arrival) -> Arrival:
    """The same request under the same key, from a client that got no answer, or was told to try again."""
    return replace(first, i=intent.i, at_s=intent.at_s, patience_s=None, repeats=first.i)


def at_once(intent: Intent, first: Arrival) -> Arrival:
    """The same request under the same key, whether or not the first was answered."""
    return replace(first, i=intent.i, at_s=intent.at_s)


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


def own_list(intent: Intent, first: Arrival) -> Arrival:
    """All bookings of the user, with the one that was made a second ago."""
    user = (first.body or {})["user_id"]
    return _read(intent, first, f"/users/{user}/bookings/?limit={ALL}", items={HAS: first.expect})


def own_day(intent: Intent, first: Arrival) -> Arrival:
    """When the room is taken on the day for which it was booked a second ago."""
    made = first.expect or {}
    slot = {name: made[name] for name in ("starts_at", "ends_at")}
    path = f"/rooms/{made['room_id']}/availability/?date={made['starts_at'][:10]}"
    return _read(intent, first, path, taken={HAS: slot})


def cancellation(intent: Intent, first: Arrival) -> Arrival:
    """The client no longer wants what was booked a second ago. A success says no more: I9 sees what it did."""
    return Arrival(
        i=intent.i,
        at_s=intent.at_s,
        op=intent.op,
        method="DELETE",
        path="/bookings/{id}/",
        key=f"key-{intent.reference}",
        expect={NOTHING: True},
        reads=first.i,
    )


def saved_profile(intent: Intent, first: Arrival) -> Arrival:
    """The profile as edited since it was opened or saved. The client names the version that it was told, if any."""
    return replace(a_profile(intent, (first.expect or {})["user_id"]), reads=first.i)


def _read_back(intent: Intent, first: Arrival, path: str) -> Arrival:
    return _read(intent, first, path, **(first.expect or {}))


def _read(intent: Intent, first: Arrival, path: str, **expect: Any) -> Arrival:
    return replace(intent.read(path, **expect), reads=first.i)


FOLLOWERS: Mapping[str, Follower] = {
    "create_booking_repeated": Follower(after_s=REPEAT_AFTER_S, make=again),
    "transfer_repeated": Follower(after_s=REPEAT_AFTER_S, make=again),
    "transfer_doubled": Follower(after_s=CLICKED_AGAIN_AFTER_S, make=at_once),
    "crossing_transfer": Follower(after_s=CROSSING_AFTER_S, make=back),
    "scarce_transfer": Follower(after_s=CROSSING_AFTER_S, make=as_much),
    "create_booking_read": Follower(after_s=READ_AFTER_S, make=own_booking, op="own_booking"),
    "create_booking_listed": Follower(after_s=READ_AFTER_S, make=own_list, op="own_list"),
    "create_booking_shown": Follower(after_s=READ_AFTER_S, make=own_day, op="own_day"),
    "create_booking_cancelled": Follower(after_s=READ_AFTER_S, make=cancellation, op="cancel_booking"),
    "edit_profile": Follower(after_s=EDITED_FOR_S, make=saved_profile, op="save_profile"),
    "revise_profile": Follower(after_s=EDITED_FOR_S, make=saved_profile, op="save_profile"),
    "create_hold_read": Follower(after_s=HELD_FOR_S, make=own_hold, op="own_hold"),
}
