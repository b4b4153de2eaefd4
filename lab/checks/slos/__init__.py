"""Service level objectives: what a client gets, phase by phase. One check per file."""

from lab.checks.slos.answers_within import AnswersWithin
from lab.checks.slos.clean_refusals import CleanRefusals
from lab.checks.slos.good_ratio import GoodRatio
from lab.checks.slos.latency_quantile import LatencyQuantile
from lab.checks.slos.recovers_within import RecoversWithin
from lab.checks.slos.retry_after import RetryAfter
from lab.checks.slos.right_answers import RightAnswers
from lab.checks.slos.served_ratio import ServedRatio
from lab.checks.slos.statements_per_request import StatementsPerRequest
from lab.checks.slos.truthful_readiness import TruthfulReadiness
from lab.model import Check

SLOS: tuple[type[Check], ...] = (
    AnswersWithin,
    CleanRefusals,
    GoodRatio,
    LatencyQuantile,
    RecoversWithin,
    RetryAfter,
    RightAnswers,
    ServedRatio,
    StatementsPerRequest,
    TruthfulReadiness,
)

__all__ = [
    "SLOS",
    "AnswersWithin",
    "CleanRefusals",
    "GoodRatio",
    "LatencyQuantile",
    "RecoversWithin",
    "RetryAfter",
    "RightAnswers",
    "ServedRatio",
    "StatementsPerRequest",
    "TruthfulReadiness",
]
