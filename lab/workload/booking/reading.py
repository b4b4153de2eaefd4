"""Operations that read: one function each, which turns an intent into a request.

The seed data follow from their sizes, so the right answer is known beforehand (`expect`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from lab.model import Arrival
from lab.workload import Intent
from lab.workload.booking import seeded, slots

PAGE = 20
SHORT_PAGE = 2
ROOMS_SHOWN = 100
EDITED_EVERY_S = 0.5  # all clients within it edit the same profile
# What the run adds to the seed (loadtests/oracle.py): rows come after those of the seed, numbers grow.
FIRST, HAS, BETWEEN, EITHER, NOTHING = "$first", "$has", "$between", "$either", "$nothing"
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


def user_bookings_paged(intent: Intent) -> Arrival:
    """The bookings of one user, two at a time. A service may ignore that and show them all, but it must not end the
    list early."""
    user = intent.one_of(intent.sizes["users"])
    ids = seeded.bookings_of(user, intent.sizes)
    bookings = [seeded.booking(i, intent.sizes) for i in ids[:PAGE]]
    following = ids[SHORT_PAGE - 1] if len(ids) >= SHORT_PAGE else None
    page = {"items": bookings[:SHORT_PAGE], "next": following}
    expect = {EITHER: [page, {"items": {FIRST: bookings}}]}
    return intent.read(f"/users/{user}/bookings/?limit={SHORT_PAGE}", **expect)


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


def edit_profile(intent: Intent) -> Arrival:
    """Somebody opens a profile to edit it, and so does everybody else of the same half second."""
    user = int(intent.at_s / EDITED_EVERY_S) % intent.sizes["users"] + 1
    return replace(intent.read(f"/users/{user}/profile/", user_id=user), read_back=True)
