"""The checks, one a file. SLOs look at the requests of a phase, invariants at the history and the final data."""

from lab.checks.answers_within import AnswersWithin
from lab.checks.atomic_pair import AtomicPair
from lab.checks.clean_end_state import CleanEndState
from lab.checks.clean_refusals import CleanRefusals
from lab.checks.conservation import Conservation
from lab.checks.exactly_once import ExactlyOnce
from lab.checks.good_ratio import GoodRatio
from lab.checks.latency_quantile import LatencyQuantile
from lab.checks.no_double_booking import NoDoubleBooking
from lab.checks.no_lost_acks import NoLostAcks
from lab.checks.no_phantoms import NoPhantoms
from lab.checks.recovers_within import RecoversWithin
from lab.checks.refused_means_refused import RefusedMeansRefused
from lab.checks.statements_per_request import StatementsPerRequest
from lab.checks.truthful_readiness import TruthfulReadiness
from lab.model import Check

CHECKS: tuple[type[Check], ...] = (
    AnswersWithin,
    CleanRefusals,
    GoodRatio,
    LatencyQuantile,
    RecoversWithin,
    StatementsPerRequest,
    TruthfulReadiness,
    NoLostAcks,
    NoPhantoms,
    RefusedMeansRefused,
    NoDoubleBooking,
    Conservation,
    AtomicPair,
    ExactlyOnce,
    CleanEndState,
)

__all__ = [
    "CHECKS",
    "AnswersWithin",
    "AtomicPair",
    "CleanEndState",
    "CleanRefusals",
    "Conservation",
    "ExactlyOnce",
    "GoodRatio",
    "LatencyQuantile",
    "NoDoubleBooking",
    "NoLostAcks",
    "NoPhantoms",
    "RecoversWithin",
    "RefusedMeansRefused",
    "StatementsPerRequest",
    "TruthfulReadiness",
]
