"""What the seed data say, as the service shows it: from the sizes alone, so that the right answer to a read is known.

The formulas are those of services/seed.py, which the lab does not import; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Sizes = Mapping[str, int]

FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
WALLET_CENTS = 100_000
HOUR = timedelta(hours=1)


def booking(i: int, sizes: Sizes) -> dict[str, Any]:
    room, starts_at = room_of(i, sizes), FIRST_DAY + (i - 1) // sizes["rooms"] * slot(sizes)
    return {
        "id": i,
        "user_id": 1 + (i - 1) % sizes["users"],
        "room_id": room,
        "starts_at": utc(starts_at),
        "ends_at": utc(starts_at + slot(sizes)),
        "status": "confirmed",
        "price_cents": price_cents(room),
    }


def bookings_of(user: int, sizes: Sizes) -> range:
    """The ids of the bookings of `user`, in order."""
    return range(user, sizes["bookings"] + 1, sizes["users"])


def taken(room: int, day: datetime, sizes: Sizes) -> list[dict[str, str]]:
    """When `room` is taken on that day, in order."""
    slots = (FIRST_DAY + n * slot(sizes) for n in range(_bookings_in(room, sizes)))
    there = [at for at in slots if at < day + timedelta(days=1) and at + slot(sizes) > day]
    return [{"starts_at": utc(at), "ends_at": utc(at + slot(sizes))} for at in there]


def busy_days(sizes: Sizes) -> int:
    """On how many days, from the first on, the first room is taken at least in part; no room is taken for longer."""
    return min(DAYS, max(1, -(-_bookings_in(1, sizes) * slot(sizes) // timedelta(days=1))))


def booked_hours(room: int, sizes: Sizes) -> float:
    """For how many hours the room is booked in all, rounded down to a thousandth: the service divides seconds."""
    return round(_bookings_in(room, sizes) * slot(sizes) / HOUR - 0.0005, 3)


def _bookings_in(room: int, sizes: Sizes) -> int:
    return max(0, -(-(sizes["bookings"] - room + 1) // sizes["rooms"]))


def owner_of_wallet(wallet: int, sizes: Sizes) -> int:
    return 1 + (wallet - 1) % sizes["users"]


def user(i: int) -> dict[str, Any]:
    return {"id": i, "name": f"User {i}", "email": f"user{i}@example.com"}


def room(i: int) -> dict[str, Any]:
    return {"id": i, "name": f"Studio {i}", "hourly_price_cents": price_cents(i)}


def room_of(booking_id: int, sizes: Sizes) -> int:
    return 1 + (booking_id - 1) % sizes["rooms"]


def price_cents(room_id: int, length: timedelta = HOUR) -> int:
    """What the room costs for that long, to the nearest cent. A seeded booking costs an hour, however long it is."""
    return round(length / HOUR * (1_000 + 100 * room_id))


def slot(sizes: Sizes) -> timedelta:
    """How long a seeded booking is: an hour, or less if hours would not fit into a year."""
    return min(HOUR, timedelta(days=DAYS) / -(-sizes["bookings"] // sizes["rooms"]))


def utc(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
