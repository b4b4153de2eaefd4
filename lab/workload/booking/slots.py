"""The times that clients want: of which room, from when, for how long, and in which time zone they say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from lab.workload import Intent
from lab.workload.booking import seeded
from lab.workload.booking.seeded import HOUR

LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (30, 45, 60))
EAST, WEST = timezone(timedelta(hours=2)), timezone(-timedelta(hours=5, minutes=30))
ZONES = (UTC, UTC, EAST, WEST)  # half of all clients are somewhere else

FIRST_FREE_SLOT = datetime(2030, 1, 1, tzinfo=UTC)
CONTESTED_ROOM, CONTESTED_DAY = 1, datetime(2026, 1, 1, tzinfo=UTC)
CONTESTED_EVERY_S = 0.5  # all clients within it want the room at the same time
CONTESTED_EVERY = 2 * HOUR  # so that nobody clashes with those of another half second


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A room for a time, for a user."""

    user: int
    room: int
    starts_at: datetime
    length: timedelta

    def told(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """As JSON, with times in `zone`."""
        starts_at, ends_at = self.starts_at, self.starts_at + self.length
        return {
            "user_id": self.user,
            "room_id": self.room,
            "starts_at": seeded.utc(starts_at.astimezone(zone)),
            "ends_at": seeded.utc(ends_at.astimezone(zone)),
        }


def own(intent: Intent) -> Slot:
    """The first part of an hour that nobody else wants."""
    hours, room = divmod(intent.i, intent.sizes["rooms"])
    return Slot(
        user=intent.one_of(intent.sizes["users"]),
        room=room + 1,
        starts_at=FIRST_FREE_SLOT + hours * HOUR,
        length=intent.random.choice(LENGTHS),
    )


def contested(intent: Intent) -> Slot:
    """An hour from o'clock or from half past: it overlaps whatever else is wanted in the same half second."""
    first = CONTESTED_DAY + CONTESTED_EVERY * int(intent.at_s / CONTESTED_EVERY_S)
    return Slot(
        user=intent.one_of(intent.sizes["users"]),
        room=CONTESTED_ROOM,
        starts_at=first + intent.random.choice((0, 1)) * HOUR / 2,
        length=HOUR,
    )
