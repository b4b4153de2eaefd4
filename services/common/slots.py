"""A slot: a user, a room, and a time in it. What POST /bookings/ and POST /holds/ ask for."""

from datetime import timedelta

from services.common.fields import a_text, an_id, an_instant, fields
from services.common.problems import unprocessable

HOUR = timedelta(hours=1)
LENGTH_MAX = 24 * HOUR


def wanted_slot():
    """The slot in the request's body."""
    slot = fields(
        user_id=an_id, room_id=an_id, starts_at=an_instant, ends_at=an_instant, reference=a_text(64)
    )
    if not slot["starts_at"] < slot["ends_at"] <= slot["starts_at"] + LENGTH_MAX:
        raise unprocessable("ends_at: must be after starts_at, by 24 hours at most")
    return slot


def price_cents(slot, hourly_price_cents):
    """What `slot` costs, by the second."""
    return round((slot["ends_at"] - slot["starts_at"]) / HOUR * hourly_price_cents)
