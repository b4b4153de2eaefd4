"""A verdict to show; made up, not judged."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.model import (
    BASELINE,
    FAULT,
    RECOVERY,
    WARMUP,
    CheckResult,
    Gate,
    PhaseNumbers,
    RunVerdict,
    TwinNumbers,
    TwinPlan,
    TwinVerdict,
    Verdict,
)
from tests.fabricated.evidence import HARDENED, NAIVE, PAIR

HOSTILE = "booking <script>alert(1)</script> r-17 | `r` was acknowledged and is missing"


def make_verdict(run: str, *, valid: bool = True, twins: Sequence[TwinPlan] = PAIR) -> RunVerdict:
    """A verdict on the folder that `make_run` makes: naive broken, all others held."""
    answer = "With 100 ms on every answer of the database, naive broke (1.4 % good) and hardened held (99.8 % good)."
    return RunVerdict(
        run=run,
        scenario="s01-db-latency",
        valid=valid,
        gates=_gates(valid),
        twins=tuple(_judged(twin) for twin in twins) if valid else (),
        as_expected=True if valid else None,
        sentence=answer if valid else "Invalid: the probe never saw the delay that was asked for.",
    )


def _gates(valid: bool) -> tuple[Gate, ...]:
    seen_ms = 100.2 if valid else 0.1
    seen = f"The probe saw {seen_ms} ms more; asked were 100 ms."
    whole = "All planned requests were recorded."
    return (
        Gate(name="planned = recorded", passed=True, value=1200, limit=1200, unit="requests", sentence=whole),
        Gate(
            name="schedule lag",
            passed=True,
            value=0.4,
            limit=5,
            unit="ms",
            sentence="In time.",
            twin=HARDENED,
        ),
        Gate(
            name="fault observed", passed=valid, value=seen_ms, limit=3, unit="ms", sentence=seen, twin=NAIVE
        ),
        Gate(
            name="oracle alive", passed=True, value=None, limit=None, unit="", sentence="It is.", twin=NAIVE
        ),
    )


def _judged(twin: TwinPlan) -> TwinVerdict:
    naive = twin.service == NAIVE
    verdict = Verdict.BROKEN if naive else Verdict.HELD
    good, lost = (0.014, 3) if naive else (0.998, 0)
    checks = (
        CheckResult(
            check="At least 95 % of the requests are good during the fault", verdict=verdict, value=good,
            threshold=0.95, unit="share", sentence=f"{100 * good:g} % of the planned requests were good.",
        ),
        CheckResult(
            check="Recovers within 5 s", verdict=Verdict.HELD, value=0.0, threshold=5.0, unit="s",
            sentence="Recovered 0 s after the fault.",
        ),
        CheckResult(
            check="What was acknowledged is there", verdict=verdict, value=lost, threshold=0, unit="",
            sentence=f"{lost} acknowledged bookings are not in the data.", examples=(HOSTILE,) if lost else (),
            invariant="I1", looked=66,
        ),
    )  # fmt: skip
    expected = {NAIVE: Verdict.BROKEN, HARDENED: Verdict.HELD}.get(twin.service)
    return TwinVerdict(
        twin=twin.name, service=twin.service, role=twin.role, verdict=verdict, expected=expected, checks=checks,
        numbers=_numbers(naive, good),
    )  # fmt: skip


def _numbers(naive: bool, good: float) -> TwinNumbers:
    calm = PhaseNumbers(
        planned=240, good_ratio=1.0, goodput_rps=40.0, p50_ms=5.9 if naive else 6.1, p95_ms=12.4, p99_ms=None,
        endings={}, statements_per_request=1.2,
    )  # fmt: skip
    endings = {"good": 5, "refused": 35, "unknown": 360} if naive else {"good": 399, "late": 1}
    hit = PhaseNumbers(
        planned=400, good_ratio=good, goodput_rps=40 * good, p50_ms=512.0, p95_ms=math.inf, p99_ms=None,
        endings=endings, statements_per_request=1.2,
    )  # fmt: skip
    return TwinNumbers(
        phases={WARMUP: calm, BASELINE: calm, FAULT: hit, RECOVERY: calm},
        time_to_recover_s=math.inf if naive else 0.0,
        lost_good_s=9.86 if naive else 0.02,
        cpu_ms_per_request=5.0 if naive else 4.2,
        schedule_lag_p99_ms=0.7,
    )
