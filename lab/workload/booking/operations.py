"""What a client may request: one function per operation, which turns an intent into a request.

The seed data follow from their sizes, so the right answer to a read is known beforehand (`expect`). Bookings are made
from 2026 on, out of the way of the seed's; every write has its own key and reference. What clients ask for varies as in
life: bookings of different lengths, times in the client's own zone, names in any script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from lab.model import Arrival
from lab.workload import Intent
from lab.workload.booking import seeded, slots

PATIENCE_S = 2.0
PAGE = 20
ROOMS_SHOWN = 100
# Letters of one to four bytes: a service that loses any of them is seen.
NAME, BIO = "Zoë Łukasz 王小明 🎸 {}", "Café in Kraków, 東京 🎹: version {}"
# What the run adds to the seed (loadtests/oracle.py): rows come after those of the seed, numbers grow.
FIRST, BETWEEN = "$first", "$between"
AT_ONCE = 500  # requests that may be answered before one that was due earlier


def get_booking(intent: Intent) -> Arrival:
    """One booking of the seed data, by its id."""
    booking = intent.one_of(intent.sizes["bookings"])
    return intent.read(f"/bookings/{booking}/", **seeded.booking(booking, intent.sizes))


def user_bookings(intent: Intent) -> Arrival:
    """The bookings of one user."""
    user = intent.one_of(intent.sizes["users"])
    bookings = [seeded.booking(i, intent.sizes) for i in seeded.bookings_of(user, intent.sizes)[:PAGE]]
    return intent.read(f"/users/{user}/bookings/", items={FIRST: bookings})


def users_with_bookings(intent: Intent) -> Arrival:
    """A page of users, each with their bookings; the next page continues after its last user."""
    after = intent.random.randrange(max(1, intent.sizes["users"] - PAGE))
    last = min(after + PAGE, intent.sizes["users"])
    users = [_with_bookings(user, intent) for user in range(after + 1, last + 1)]
    following = last if len(users) == PAGE else None
    return intent.read(f"/users/?include=bookings&limit={PAGE}&after={after}", items=users, next=following)


def _with_bookings(user: int, intent: Intent) -> dict[str, Any]:
    ids = seeded.bookings_of(user, intent.sizes)[:PAGE]
    rooms = ((i, seeded.room_of(i, intent.sizes)) for i in ids)
    prices = [{"id": i, "price_cents": seeded.price_cents(room)} for i, room in rooms]
    return {**seeded.user(user), "bookings": {FIRST: prices}}


def rooms_search(intent: Intent) -> Arrival:
    """All rooms with a number in their names."""
    wanted = str(intent.one_of(intent.sizes["rooms"]))
    found = [i for i in range(1, intent.sizes["rooms"] + 1) if wanted in str(i)]
    return intent.read(f"/rooms/?q={wanted}", items=[seeded.room(i) for i in found[:ROOMS_SHOWN]])


def availability(intent: Intent) -> Arrival:
    """When a room is taken on a given day. Half of the days are drawn from the few that have bookings."""
    room = intent.one_of(intent.sizes["rooms"])
    days = seeded.DAYS if intent.random.random() < 0.5 else seeded.busy_days(intent.sizes)
    day = seeded.FIRST_DAY + timedelta(days=intent.random.randrange(days))
    taken = seeded.taken(room, day, intent.sizes)
    return intent.read(
        f"/rooms/{room}/availability/?date={day:%Y-%m-%d}", room_id=room, date=f"{day:%Y-%m-%d}", taken=taken
    )


def utilisation(intent: Intent) -> Arrival:
    """The report of booked hours per room: those of the seed data, plus at most one per request for the room."""
    rooms = range(1, intent.sizes["rooms"] + 1)
    return intent.read("/reports/utilisation/", items=[_used(room, intent) for room in rooms])


def _used(room: int, intent: Intent) -> dict[str, Any]:
    hours, so_far = seeded.booked_hours(room, intent.sizes), intent.i + AT_ONCE
    # Bookings go from room to room, but any number of them may be contested.
    added = so_far if room == slots.CONTESTED_ROOM else so_far // intent.sizes["rooms"] + 1
    return {
        "room_id": room,
        "name": f"Studio {room}",
        "booked_hours": {BETWEEN: [hours, hours + added]},
    }


def healthz(intent: Intent) -> Arrival:
    """The liveness probe: is the process alive?"""
    return intent.read("/healthz", status="ok")


def readyz(intent: Intent) -> Arrival:
    """The readiness probe: should it get requests? Judged by a check of its own."""
    return intent.read("/readyz")


def create_booking(intent: Intent) -> Arrival:
    """A booking of 30, 45 or 60 minutes in an hour that nobody else wants, with its payment."""
    return _booking(intent, slots.own(intent))


def contested_booking(intent: Intent) -> Arrival:
    """A booking of an hour that overlaps whatever other clients of the same half second want."""
    return _booking(intent, slots.contested(intent))


def update_profile(intent: Intent) -> Arrival:
    """A new name and a new text in the profile of one user."""
    user = intent.one_of(intent.sizes["users"])
    body = {"display_name": NAME.format(intent.i), "bio": BIO.format(intent.i)}
    return intent.write("PUT", f"/users/{user}/profile/", body, user_id=user, **body)


def transfer(intent: Intent) -> Arrival:
    """A transfer between any two wallets, apart from those of scarce transfers."""
    giver, taker = intent.random.sample(range(1, last_shared(intent) + 1), 2)
    return a_transfer(intent, giver, taker)


def crossing_transfer(intent: Intent) -> Arrival:
    """A transfer between two neighbours; the payee pays something back at the same time."""
    first = 2 * intent.random.randrange(last_shared(intent) // 2) + 1
    giver, taker = intent.random.sample((first, first + 1), 2)
    return a_transfer(intent, giver, taker)


def scarce_transfer(intent: Intent) -> Arrival:
    """Two transfers at once, each of all that a wallet holds: exactly one of them can be paid."""
    shared, wallets = last_shared(intent), intent.sizes["wallets"]
    giver = shared + 1 + intent.i % (wallets - shared)
    return a_transfer(intent, giver, intent.one_of(shared), seeded.WALLET_CENTS)


def last_shared(intent: Intent) -> int:
    """The last wallet that everybody uses. From the others only scarce transfers pay, and nobody pays to them, so what
    they hold is known to the cent."""
    return intent.sizes["wallets"] - intent.sizes["wallets"] // 3


def create_booking_repeated(intent: Intent) -> Arrival:
    """A booking whose client waits 2 s at most and, if it got no answer, asks once more under the same key."""
    return replace(create_booking(intent), patience_s=PATIENCE_S)


def transfer_repeated(intent: Intent) -> Arrival:
    """A transfer whose client waits 2 s at most and, if it got no answer, asks once more under the same key."""
    return replace(transfer(intent), patience_s=PATIENCE_S)


def create_hold(intent: Intent) -> Arrival:
    """A note that a user may want a room."""
    # In UTC: the naive twin keeps holds in memory, and shows a time in the zone in which it was asked for.
    body = slots.own(intent).told()
    return intent.write("POST", "/holds/", body, **body)


def create_booking_read(intent: Intent) -> Arrival:
    """A booking whose client looks at it a second later, wherever that request is served."""
    return replace(create_booking(intent), read_back=True)


def create_hold_read(intent: Intent) -> Arrival:
    """A hold whose client looks at it three seconds later, wherever that request is served."""
    return replace(create_hold(intent), read_back=True)


def _booking(intent: Intent, slot: slots.Slot) -> Arrival:
    asked = slot.told(intent.random.choice(slots.ZONES))
    cents = seeded.price_cents(slot.room, slot.length)
    return intent.write("POST", "/bookings/", asked, **slot.told(), status="confirmed", price_cents=cents)


def a_transfer(intent: Intent, giver: int, taker: int, amount: int = 0) -> Arrival:
    amount = amount or intent.one_of(500)
    body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_cents": amount}
    return intent.write("POST", "/transfers/", body, **body)


OPERATIONS: Mapping[str, Callable[[Intent], Arrival]] = {
    "get_booking": get_booking,
    "user_bookings": user_bookings,
    "users_with_bookings": users_with_bookings,
    "rooms_search": rooms_search,
    "availability": availability,
    "utilisation": utilisation,
    "healthz": healthz,
    "readyz": readyz,
    "create_booking": create_booking,
    "create_booking_repeated": create_booking_repeated,
    "create_booking_read": create_booking_read,
    "contested_booking": contested_booking,
    "update_profile": update_profile,
    "transfer": transfer,
    "transfer_repeated": transfer_repeated,
    "crossing_transfer": crossing_transfer,
    "scarce_transfer": scarce_transfer,
    "create_hold": create_hold,
    "create_hold_read": create_hold_read,
}
HISTORY_OPS = frozenset(
    {
        "create_booking",
        "create_booking_repeated",
        "create_booking_read",
        "contested_booking",
        "update_profile",
        "transfer",
        "transfer_repeated",
        "crossing_transfer",
        "scarce_transfer",
        "create_hold",
        "create_hold_read",
    }
)
