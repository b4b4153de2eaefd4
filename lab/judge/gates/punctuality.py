"""Whether everything happened on schedule: what the load sent, and what the faults changed, in all twins at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lab.judge.evidence import Planned, RunEvidence, TwinEvidence
from lab.judge.statistics import Numbers, quantile, schedule_lag_ms
from lab.model import Gate, Kind, Performed, Switched, percent

SCHEDULE_LAG_P99_MS, SCHEDULE_LAG_MAX_MS = 10.0, 50.0  # without real time 5 ms and 12 ms were measured
PLAN_OFF_MS = 100.0  # a proxy that closes many connections takes up to 60 ms in containers on two cores
SKEW_MS = 10.0
SCHEDULE_LAG, ON_TIME, IN_STEP = "schedule lag", "faults on time", "twins in step"
TIMING_SHARE = 0.95  # of the switches: of two, both must be on time; of the many in bursts, a few may slip …
WORST_TIMES = 5  # … but not by more than this many times the limit
NEVER = "No fault was switched on or off."

Change = Switched | Performed


def schedule_lag(planned: Planned, twin: TwinEvidence) -> Gate:
    lag_ms = schedule_lag_ms(twin.requests)
    p99_ms, max_ms = (quantile(lag_ms, q) if len(lag_ms) else math.inf for q in (0.99, 1.0))
    seldom = p99_ms <= SCHEDULE_LAG_P99_MS and max_ms > SCHEDULE_LAG_MAX_MS
    value_ms, limit_ms = (max_ms, SCHEDULE_LAG_MAX_MS) if seldom else (p99_ms, SCHEDULE_LAG_P99_MS)
    passed = value_ms <= limit_ms
    told = f"99 % of requests were sent within {p99_ms:.1f} ms of schedule, and all within {max_ms:.1f} ms."
    if not len(lag_ms):
        told = "No request was sent."
    return Gate(
        name=SCHEDULE_LAG,
        passed=passed,
        value=value_ms if len(lag_ms) else None,
        limit=limit_ms,
        unit="ms",
        sentence=told if passed else f"{told} {planned.facts.get('advice', '')}".rstrip(),
        twin=twin.twin,
    )


def on_time(run: RunEvidence) -> Gate:
    """Measured from the planned instant until a link had changed, or until a part or a store was asked to change. How
    long a server takes to stop or start is not judged here: a fault counts only once it is certain to be there.
    """
    made = [event for twin in run.twins for event in changes(twin)]
    gate = _timing(
        ON_TIME,
        [1000 * _off_s(event) for event in made],
        PLAN_OFF_MS,
        lambda which, ms: f"{which} were made within {ms:.1f} ms of schedule.",
    )
    return gate if gate.passed or not made else replace(gate, sentence=f"{gate.sentence} {_told(made)}")


def _told(made: Sequence[Change]) -> str:
    """What happened to the change that was furthest from schedule: the lab was late, or the target was slow."""
    worst = max(made, key=_off_s)
    late_ms, took_ms = 1000 * (worst.before_s - worst.planned_s), 1000 * (worst.after_s - worst.before_s)
    return (
        f"The latest, at {worst.planned_s:.1f} s on {worst.target} of {worst.twin}, "
        f"was requested {late_ms:.0f} ms late and took {took_ms:.0f} ms."
    )


def _off_s(event: Change) -> float:
    return max(abs(event.before_s - event.planned_s), abs(_done_s(event) - event.planned_s))


def _done_s(event: Change) -> float:
    return event.after_s if event.target.startswith(f"{Kind.LINK}/") else event.before_s


def in_step(run: RunEvidence) -> Gate:
    """All twins are asked at once. How long a target then takes, say to close connections, is not judged here."""
    asked: dict[tuple[int, float, bool], list[float]] = {}
    for twin in run.twins:
        for event in changes(twin):
            on = not isinstance(event, Switched) or event.on
            asked.setdefault((event.fault, event.planned_s, on), []).append(event.before_s)
    skew_ms = [1000 * (max(instants) - min(instants)) for instants in asked.values()]
    return _timing(
        IN_STEP,
        skew_ms,
        SKEW_MS,
        lambda which, ms: f"{which} reached all twins within {ms:.1f} ms of each other.",
    )


def _timing(name: str, off_ms: Sequence[float], limit_ms: float, say: Callable[[str, float], str]) -> Gate:
    """Nearly all within `limit_ms`, and none later than WORST_TIMES as much."""
    values: Numbers = np.asarray(off_ms, dtype=np.float64)
    if not len(values):
        return Gate(name=name, passed=False, value=None, limit=limit_ms, unit="ms", sentence=NEVER)
    usual_ms, worst_ms = quantile(values, TIMING_SHARE), float(values.max())
    which = f"{percent(TIMING_SHARE)} of the changes"
    if usual_ms <= limit_ms < WORST_TIMES * limit_ms < worst_ms:
        which, usual_ms, limit_ms = "All changes", worst_ms, WORST_TIMES * limit_ms
    return Gate(
        name=name,
        passed=usual_ms <= limit_ms,
        value=usual_ms,
        limit=limit_ms,
        unit="ms",
        sentence=say(which, usual_ms),
    )


def changes(twin: TwinEvidence) -> list[Change]:
    return [event for event in twin.events if isinstance(event, Switched | Performed)]


def changes_planned(manifest: Planned) -> int:
    """How many changes the lab has to make in the run: changes of the load are in the schedule already."""
    faults = manifest.scenario.faults
    made = sum(faults[switch.fault].target().kind is not Kind.LOAD for switch in manifest.switches)
    return made + len(manifest.shots)
