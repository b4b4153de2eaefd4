"""What a client may request, by name, and which of it the invariants read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.model import Arrival
from lab.workload import Intent
from lab.workload.booking import reading, writing

OPERATIONS: Mapping[str, Callable[[Intent], Arrival]] = {
    "get_booking": reading.get_booking,
    "user_bookings": reading.user_bookings,
    "user_bookings_paged": reading.user_bookings_paged,
    "users_with_bookings": reading.users_with_bookings,
    "rooms_search": reading.rooms_search,
    "availability": reading.availability,
    "utilisation": reading.utilisation,
    "healthz": reading.healthz,
    "readyz": reading.readyz,
    "create_booking": writing.create_booking,
    "create_booking_repeated": writing.create_booking_repeated,
    "create_booking_read": writing.create_booking_read,
    "create_booking_listed": writing.create_booking_listed,
    "create_booking_shown": writing.create_booking_shown,
    "create_booking_cancelled": writing.create_booking_cancelled,
    "contested_booking": writing.contested_booking,
    "update_profile": writing.update_profile,
    "revise_profile": writing.revise_profile,
    "edit_profile": reading.edit_profile,
    "transfer": writing.transfer,
    "transfer_repeated": writing.transfer_repeated,
    "transfer_doubled": writing.transfer_doubled,
    "crossing_transfer": writing.crossing_transfer,
    "scarce_transfer": writing.scarce_transfer,
    "create_hold": writing.create_hold,
    "create_hold_read": writing.create_hold_read,
}
HISTORY_OPS = frozenset(
    {
        "create_booking",
        "create_booking_repeated",
        "create_booking_read",
        "create_booking_listed",
        "create_booking_shown",
        "create_booking_cancelled",
        "cancel_booking",
        "contested_booking",
        "update_profile",
        "revise_profile",
        "edit_profile",
        "save_profile",
        "transfer",
        "transfer_repeated",
        "transfer_doubled",
        "crossing_transfer",
        "scarce_transfer",
        "create_hold",
        "create_hold_read",
    }
)
