"""The descriptive numbers of one twin: what happened, phase by phase, without judging it.

A number that is not known is None (a quantile of too few requests). One that was never reached is infinite: a quantile
that falls on a request without a right answer, a recovery that did not happen.
"""

from __future__ import annotations

import math

from lab.judge.evidence import TwinEvidence
from lab.judge.recovery import recovery, sound_share
from lab.judge.statistics import (
    Requests,
    asked,
    between,
    carried_by,
    censored_ms,
    ending_counts,
    is_answered,
    is_good,
    is_sound,
    lost_good_s,
    quantile,
    ratio,
    schedule_lag_ms,
    statements_per_request,
)
from lab.model import BASELINE, FAULT, RECOVERY, WARMUP, CpuRead, PhaseNumbers, TwinNumbers

LOADED = (WARMUP, BASELINE, FAULT, RECOVERY)


def describe(twin: TwinEvidence) -> TwinNumbers:
    """The numbers of `twin`."""
    return TwinNumbers(
        phases={phase: _phase(twin, phase) for phase in LOADED},
        time_to_recover_s=_time_to_recover_s(twin),
        lost_good_s=_lost_good_s(twin),
        cpu_ms_per_request=_cpu_ms_per_request(twin),
        schedule_lag_p99_ms=_told(quantile(schedule_lag_ms(twin.requests), 0.99)),
    )


def _phase(twin: TwinEvidence, phase: str) -> PhaseNumbers:
    start_s, end_s = twin.phases.window(phase)
    planned = between(asked(twin), start_s, end_s)
    within_ms = twin.load.good_within_ms
    good = is_good(planned, within_ms)
    statements = statements_per_request(twin.metrics, start_s, end_s)
    return PhaseNumbers(
        planned=len(planned),
        good_ratio=_told(ratio(good)),
        goodput_rps=float(good.sum()) / (end_s - start_s) if end_s > start_s else None,
        p50_ms=_quantile_ms(planned, 0.5),
        p95_ms=_quantile_ms(planned, 0.95),
        p99_ms=_quantile_ms(planned, 0.99),
        endings=ending_counts(planned, within_ms),
        statements_per_request=statements[0] if statements else None,
        served_ratio=_told(ratio(is_sound(planned, within_ms))),
    )


def _quantile_ms(planned: Requests, q: float) -> float | None:
    enough = len(planned) >= carried_by(q)
    return quantile(censored_ms(planned), q) if enough else None


def _time_to_recover_s(twin: TwinEvidence) -> float | None:
    """None too if nothing was broken, or if it cannot be said."""
    if not twin.fault_windows:
        return None
    back = recovery(twin)
    return None if back.why_unknown else back.took_s


def _lost_good_s(twin: TwinEvidence) -> float:
    start_s, end_s = twin.phases.window(FAULT)[0], twin.phases.window(RECOVERY)[1]
    return lost_good_s(asked(twin), twin.load.good_within_ms, sound_share(twin), start_s, end_s)


def _cpu_ms_per_request(twin: TwinEvidence) -> float | None:
    """The service's CPU time in the baseline per answered request: the cost when nothing is wrong."""
    readings = [
        (event.at_s, event.cpu_s)
        for event in twin.events
        if isinstance(event, CpuRead) and event.cpu_s is not None
    ]
    start_s, end_s = twin.phases.window(BASELINE)
    if len(readings) < 2:
        return None
    first, last = (min(readings, key=lambda reading: abs(reading[0] - edge)) for edge in (start_s, end_s))
    answered = int(is_answered(between(twin.requests, first[0], last[0])).sum())
    return 1000 * (last[1] - first[1]) / answered if answered else None


def _told(number: float) -> float | None:
    return None if math.isnan(number) else number
