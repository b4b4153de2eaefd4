"""Invariants: what must be true of history and final data, whatever happened. One check per file."""

from lab.checks.invariants.atomic_pair import AtomicPair
from lab.checks.invariants.clean_end_state import CleanEndState
from lab.checks.invariants.conservation import Conservation
from lab.checks.invariants.exactly_once import ExactlyOnce
from lab.checks.invariants.no_deadlocks import NoDeadlocks
from lab.checks.invariants.no_double_booking import NoDoubleBooking
from lab.checks.invariants.no_lost_acks import NoLostAcks
from lab.checks.invariants.no_phantoms import NoPhantoms
from lab.checks.invariants.refused_means_refused import RefusedMeansRefused
from lab.model import Check

INVARIANTS: tuple[type[Check], ...] = (
    AtomicPair,
    CleanEndState,
    Conservation,
    ExactlyOnce,
    NoDeadlocks,
    NoDoubleBooking,
    NoLostAcks,
    NoPhantoms,
    RefusedMeansRefused,
)

__all__ = [
    "INVARIANTS",
    "AtomicPair",
    "CleanEndState",
    "Conservation",
    "ExactlyOnce",
    "NoDeadlocks",
    "NoDoubleBooking",
    "NoLostAcks",
    "NoPhantoms",
    "RefusedMeansRefused",
]
