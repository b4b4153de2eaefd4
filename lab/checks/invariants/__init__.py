"""Invariants: what must be true of history and final data, whatever happened. One check per file.

Most go with what the load writes. A scenario takes the group for its load, and first names the check that it is about.
"""

from lab.checks.invariants.atomic_pair import AtomicPair
from lab.checks.invariants.charges_match import ChargesMatch
from lab.checks.invariants.clean_end_state import CleanEndState
from lab.checks.invariants.conservation import Conservation
from lab.checks.invariants.exactly_once import ExactlyOnce
from lab.checks.invariants.justified_refusals import JustifiedRefusals
from lab.checks.invariants.no_deadlocks import NoDeadlocks
from lab.checks.invariants.no_double_booking import NoDoubleBooking
from lab.checks.invariants.no_lost_acks import NoLostAcks
from lab.checks.invariants.no_lost_update import NoLostUpdate
from lab.checks.invariants.no_phantoms import NoPhantoms
from lab.checks.invariants.refused_means_refused import RefusedMeansRefused
from lab.checks.invariants.stored_as_asked import StoredAsAsked
from lab.checks.invariants.unique_ids import UniqueIds
from lab.model import Check

INVARIANTS: tuple[type[Check], ...] = (
    AtomicPair,
    ChargesMatch,
    CleanEndState,
    Conservation,
    ExactlyOnce,
    JustifiedRefusals,
    NoDeadlocks,
    NoDoubleBooking,
    NoLostAcks,
    NoLostUpdate,
    NoPhantoms,
    RefusedMeansRefused,
    StoredAsAsked,
    UniqueIds,
)

WRITES: tuple[Check, ...] = (
    NoLostAcks(),
    NoPhantoms(),
    RefusedMeansRefused(),
    StoredAsAsked(),
    CleanEndState(),
)
TRANSFERS = (*WRITES, Conservation(), JustifiedRefusals())
BOOKINGS = (*WRITES, NoDoubleBooking(), ChargesMatch(), JustifiedRefusals())
TRANSFERS_AND_BOOKINGS = (*BOOKINGS, Conservation())


def without(group: tuple[Check, ...], kind: type[Check]) -> tuple[Check, ...]:
    """The checks of `group`, apart from the one of this kind."""
    return tuple(check for check in group if not isinstance(check, kind))


__all__ = [
    "BOOKINGS",
    "INVARIANTS",
    "TRANSFERS",
    "TRANSFERS_AND_BOOKINGS",
    "WRITES",
    "AtomicPair",
    "ChargesMatch",
    "CleanEndState",
    "Conservation",
    "ExactlyOnce",
    "JustifiedRefusals",
    "NoDeadlocks",
    "NoDoubleBooking",
    "NoLostAcks",
    "NoLostUpdate",
    "NoPhantoms",
    "RefusedMeansRefused",
    "StoredAsAsked",
    "UniqueIds",
    "without",
]
