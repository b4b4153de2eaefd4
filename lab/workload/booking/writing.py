"""Operations that write, each with a key and a reference of its own.

Bookings are made from 2026 on, out of the way of the seed's. What clients ask for varies as in life: bookings of
different lengths, times in the client's own zone, names in any script.
"""

from __future__ import annotations

from dataclasses import replace

from lab.model import Arrival
from lab.workload import Intent
from lab.workload.booking import seeded, slots

PATIENCE_S = 2.0
# Letters of one to four bytes: a service that loses any of them is seen.
NAME, BIO = "Zoë Łukasz 王小明 🎸 {}", "Café in Kraków, 東京 🎹: version {}"


def create_booking(intent: Intent) -> Arrival:
    """A booking of 30, 45 or 60 minutes in an hour that nobody else wants, with its payment."""
    return _booking(intent, slots.own(intent))


def contested_booking(intent: Intent) -> Arrival:
    """A booking of an hour that overlaps whatever other clients of the same half second want."""
    return _booking(intent, slots.contested(intent))


def update_profile(intent: Intent) -> Arrival:
    """A new name and a new text in the profile of one user."""
    user = intent.one_of(intent.sizes["users"])
    return a_profile(intent, user)


def revise_profile(intent: Intent) -> Arrival:
    """A new name and text, which the same client revises once more a little later."""
    return replace(update_profile(intent), read_back=True)


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


def transfer_doubled(intent: Intent) -> Arrival:
    """A transfer whose client sends it twice under one key, without waiting for the answer: a double click."""
    return transfer(intent)


def create_booking_repeated(intent: Intent) -> Arrival:
    """A booking whose client waits at most 2 s and, without an answer or after a 502, 503 or 504, asks again under the
    same key."""
    return replace(create_booking(intent), patience_s=PATIENCE_S)


def transfer_repeated(intent: Intent) -> Arrival:
    """A transfer whose client waits at most 2 s and, without an answer or after a 502, 503 or 504, asks again under the
    same key."""
    return replace(transfer(intent), patience_s=PATIENCE_S)


def create_hold(intent: Intent) -> Arrival:
    """A note that a user may want a room."""
    # In UTC: the naive twin keeps holds in memory, and shows a time in the zone in which it was asked for.
    body = slots.own(intent).told()
    return intent.write("POST", "/holds/", body, **body)


def create_booking_read(intent: Intent) -> Arrival:
    """A booking whose client looks at it a second later, wherever that request is served."""
    return replace(create_booking(intent), read_back=True)


def create_booking_listed(intent: Intent) -> Arrival:
    """A booking whose client looks for it in the list of all bookings of the same user a second later."""
    return replace(create_booking(intent), read_back=True)


def create_booking_shown(intent: Intent) -> Arrival:
    """A booking whose client looks a second later whether the room is shown as taken."""
    return replace(create_booking(intent), read_back=True)


def create_booking_cancelled(intent: Intent) -> Arrival:
    """A booking whose client cancels it a second later."""
    return replace(create_booking(intent), read_back=True)


def create_hold_read(intent: Intent) -> Arrival:
    """A hold whose client looks at it three seconds later, wherever that request is served."""
    return replace(create_hold(intent), read_back=True)


def _booking(intent: Intent, slot: slots.Slot) -> Arrival:
    asked = slot.told(intent.random.choice(slots.ZONES))
    cents = seeded.price_cents(slot.room, slot.length)
    return intent.write("POST", "/bookings/", asked, **slot.told(), status="confirmed", price_cents=cents)


def a_transfer(intent: Intent, giver: int, taker: int, amount: int = 0) -> Arrival:
    """Asked for by whoever pays."""
    amount = amount or intent.one_of(500)
    body = {"from_wallet_id": giver, "to_wallet_id": taker, "amount_cents": amount}
    written = intent.write("POST", "/transfers/", body, **body)
    return replace(written, caller=seeded.owner_of_wallet(giver, intent.sizes))


def a_profile(intent: Intent, user: int) -> Arrival:
    body = {"display_name": NAME.format(intent.i), "bio": BIO.format(intent.i)}
    return intent.write("PUT", f"/users/{user}/profile/", body, user_id=user, **body)
