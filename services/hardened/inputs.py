"""What clients ask for, read from their requests."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from services.common.problems import unprocessable
from services.defences.input_validation import (
    ID_MAX,
    Cents,
    Day,
    Id,
    Instant,
    Lax,
    Number,
    Strict,
    Text,
    body,
    query,
)
from services.defences.switch import switchable

LENGTH_MAX = timedelta(hours=24)

Reference = Annotated[Text, Field(min_length=1, max_length=64)]


class Slot(Strict):
    user_id: Id
    room_id: Id
    starts_at: Instant
    ends_at: Instant
    reference: Reference


class Transfer(Strict):
    from_wallet_id: Id
    to_wallet_id: Id
    amount_cents: Cents
    reference: Reference


class Profile(Strict):
    display_name: Annotated[Text, Field(min_length=1, max_length=80)]
    bio: Annotated[Text, Field(max_length=1_000)]
    reference: Reference


class Page(Lax):
    include: Literal["bookings"] | None = None
    limit: Annotated[Number, Field(ge=1, le=100)] = 20
    after: Annotated[Number, Field(ge=0, le=ID_MAX)] = 0


class Search(Lax):
    q: Annotated[Text, Field(max_length=80)] = ""


class OneDay(Lax):
    date: Day


@switchable
def slot():
    """What POST /bookings/ and POST /holds/ ask for: a user, a room, and a time."""
    # Checked at the door, field by field, so that all later code can trust it.
    wanted = body(Slot)
    check_times(wanted["starts_at"], wanted["ends_at"])
    return wanted


def check_times(starts_at, ends_at):
    """Refuse a slot with impossible times."""
    if not timedelta(0) < ends_at - starts_at <= LENGTH_MAX:
        raise unprocessable("ends_at: must be after starts_at, by 24 hours at most")


@switchable
def transfer():
    """What POST /transfers/ asks for."""
    wanted = body(Transfer)
    check_wallets(wanted["from_wallet_id"], wanted["to_wallet_id"])
    return wanted


def check_wallets(giver_id, taker_id):
    """Refuse a transfer to the same wallet."""
    if giver_id == taker_id:
        raise unprocessable("to_wallet_id: must be another wallet")


@switchable
def profile():
    """What PUT /users/…/profile/ asks for."""
    return body(Profile)


@switchable
def page():
    """Which part of a list the query asks for, and what it includes."""
    return query(Page)


@switchable
def search():
    """What GET /rooms/ looks for."""
    return query(Search)["q"]


@switchable
def day():
    """Which day GET /rooms/…/availability/ asks for."""
    return query(OneDay)["date"]
