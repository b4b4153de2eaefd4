"""Whether a twin was healthy before the fault: only then does the fault phase say anything about it."""

from __future__ import annotations

from lab.judge.evidence import TwinEvidence
from lab.judge.statistics import between, is_sound, ratio
from lab.model import BASELINE, Gate, percent

BASELINE_HEALTHY = "baseline healthy"


def baseline(twin: TwinEvidence, good_min: float) -> Gate:
    """The end of the phase is left out: a request due there may still be waiting in time when the fault begins."""
    start_s, end_s = twin.phases.window(BASELINE)
    within_ms = twin.load.good_within_ms
    planned = between(twin.requests, start_s, end_s - within_ms / 1000)
    sound = ratio(is_sound(planned, within_ms)) if len(planned) else 0.0
    return Gate(
        name=BASELINE_HEALTHY,
        passed=sound >= good_min,
        value=sound,
        limit=good_min,
        unit="share",
        sentence=f"{percent(sound)} of {len(planned)} requests were right and in time before the fault.",
        twin=twin.twin,
    )
