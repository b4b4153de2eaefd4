"""The validity gates: what must be true of a run before anybody is judged by it.

When in doubt, the run is invalid: a generator that lagged, a fault that never took effect or a twin that was ill from
the start would each make a verdict that says nothing about the twins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lab.judge.evidence import Planned, RunEvidence, TwinEvidence
from lab.judge.proofs import fault_proof, healed_proof
from lab.judge.statistics import Numbers, between, is_settled, is_sound, quantile, ratio, schedule_lag_ms
from lab.judge.tampering import untouched
from lab.model import BASELINE, Fault, Gate, Kind, Performed, Proof, ReadBack, Switched, percent

SCHEDULE_LAG_P99_MS = 5.0
PLAN_OFF_MS = 50.0
SKEW_MS = 10.0
SCHEDULE_LAG, ON_TIME, IN_STEP = "schedule lag", "faults on time", "twins in step"
BASELINE_HEALTHY = "baseline healthy"
FAULT_OBSERVED, HEALING_OBSERVED = "fault observed", "healing observed"
SPOILED = {SCHEDULE_LAG, ON_TIME, IN_STEP, BASELINE_HEALTHY, FAULT_OBSERVED, HEALING_OBSERVED}
TIMING_SHARE = 0.95  # of the switches: with two it is the worst, with the many of a burst one may slip

Change = Switched | Performed


def look(run: RunEvidence) -> tuple[Gate, ...]:
    """Every gate of a run, passed or not; first what somebody else did, for it may explain the rest."""
    gates: list[Gate] = [_complete(run), *map(untouched, run.twins)]
    for twin in run.twins:
        gates += [_all_recorded(run, twin), _schedule_lag(twin), _generator(twin), _oracle(twin)]
        gates += [_baseline(twin, run.manifest.scenario.baseline_good_min), *_as_asked(run.manifest, twin)]
        gates += [*_observed(twin), *_healed(twin)]
    if _changes_planned(run.manifest):
        gates += [_on_time(run), _in_step(run)]
    return tuple(gates)


def spoiled_by_the_machine(gates: Sequence[Gate]) -> bool:
    """Whether a run is invalid only by what a busy machine does: made again, it may well be valid.

    A twin that is late before the fault is among it, and a target that says it is as asked while the probes are too
    late to show it: one twin that works off its backlog can take both cores. Where it was not the machine, the next run
    says so again.
    """
    failed = {gate.name for gate in gates if not gate.passed}
    return bool(failed) and failed <= SPOILED


def _complete(run: RunEvidence) -> Gate:
    status = str(run.manifest.status)
    return _yes_or_no("run complete", status == "complete", f"The run ended {status}.")


def _all_recorded(run: RunEvidence, twin: TwinEvidence) -> Gate:
    """A repetition that was not sent counts as recorded, provided that what it repeats had been answered by then."""
    planned, recorded = run.manifest.planned, len(twin.recorded)
    spared, unfounded = recorded - len(twin.requests), _unfounded(twin)
    sentence = f"{planned} requests were planned, {recorded} recorded"
    if spared:
        sentence += f" ({spared} as not needed, since what they repeat was answered)"
    if unfounded:
        sentence += f", but {unfounded} of what they repeat had no answer by then"
    return Gate(
        name="planned = recorded",
        passed=planned == recorded == len(np.unique(twin.recorded["i"])) > 0 and not unfounded,
        value=recorded - unfounded,
        limit=planned,
        unit="requests",
        sentence=sentence + ".",
        twin=twin.twin,
    )


def _unfounded(twin: TwinEvidence) -> int:
    """How many repetitions were not sent although the first had no answer yet, or one that says: come again."""
    settled = twin.requests[is_settled(twin.requests)]
    end_s = dict(zip(settled["i"].tolist(), settled["end"].tolist(), strict=True))
    spared = twin.recorded[~np.isin(twin.recorded["i"], twin.requests["i"])]
    return sum(
        end_s.get(twin.repeats.get(i, -1), math.inf) > started_s
        for i, started_s in zip(spared["i"].tolist(), spared["started"].tolist(), strict=True)
    )


def _schedule_lag(twin: TwinEvidence) -> Gate:
    lag_ms = schedule_lag_ms(twin.requests)
    p99_ms = quantile(lag_ms, 0.99) if len(lag_ms) else None
    return Gate(
        name=SCHEDULE_LAG,
        passed=p99_ms is not None and p99_ms <= SCHEDULE_LAG_P99_MS,
        value=p99_ms,
        limit=SCHEDULE_LAG_P99_MS,
        unit="ms",
        sentence="Nothing was sent."
        if p99_ms is None
        else f"99 % of requests were sent within {p99_ms:.1f} ms of plan.",
        twin=twin.twin,
    )


def _generator(twin: TwinEvidence) -> Gate:
    hits, errors = twin.summary.cap_hits, twin.summary.errors
    sentence = f"The generator's own limit held back {hits} requests."
    if errors:
        sentence += f" It met {len(errors)} errors of its own, first: {errors[0]}."
    return Gate(
        name="generator in good order",
        passed=not hits and not errors,
        value=hits + len(errors),
        limit=0,
        unit="faults",
        sentence=sentence,
        twin=twin.twin,
    )


def _oracle(twin: TwinEvidence) -> Gate:
    alive = twin.summary.oracle_rejects_planted_wrong
    verb = "rejected" if alive else "accepted"
    return _yes_or_no("oracle alive", alive, f"The check of bodies {verb} a planted wrong answer.", twin.twin)


def _baseline(twin: TwinEvidence, good_min: float) -> Gate:
    """Who was still in time when the fault began belongs to neither: the end of the phase is left out."""
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


def _as_asked(manifest: Planned, twin: TwinEvidence) -> Iterator[Gate]:
    """Every planned change was made, and each time the target said that it is as asked."""
    if not (planned := _changes_planned(manifest)):
        return
    changes = _changes(twin)
    told = [event for event in twin.events if isinstance(event, Switched | Performed | ReadBack)]
    wrong = [event for event in told if not event.ok]
    sentence = f"{len(changes)} of {planned} changes were made, {len(wrong)} of {len(told)} echoes were not as asked."
    if wrong:
        first = wrong[0]
        at_s = first.at_s if isinstance(first, ReadBack) else first.before_s
        sentence += f" First at {at_s:.2f} s on {first.target}. {first.error}".rstrip()
    yield Gate(
        name="fault as asked",
        passed=not wrong and len(changes) == planned,
        value=len(wrong) + abs(planned - len(changes)),
        limit=0,
        unit="changes",
        sentence=sentence,
        twin=twin.twin,
    )


def _observed(twin: TwinEvidence) -> Iterator[Gate]:
    for number, fault in enumerate(twin.faults):
        proof = fault_proof(number, twin)
        yield _proved(FAULT_OBSERVED, twin, proof, f"With {fault.describe()}, {proof.sentence}.")


def _healed(twin: TwinEvidence) -> Iterator[Gate]:
    by_target: dict[str, Fault] = {str(fault.target()): fault for fault in twin.faults}
    for name, fault in by_target.items():
        proof = healed_proof(fault, twin)
        yield _proved(HEALING_OBSERVED, twin, proof, f"On {name}, {proof.sentence}.")


def _proved(name: str, twin: TwinEvidence, proof: Proof, sentence: str) -> Gate:
    return Gate(
        name=name,
        passed=proof.proved,
        value=proof.value,
        limit=proof.limit,
        unit=proof.unit,
        sentence=sentence,
        twin=twin.twin,
    )


def _on_time(run: RunEvidence) -> Gate:
    """From the planned instant until a link had done it, or until a part or a store was asked: how long a server takes
    to stop or to start is its own affair, and a fault counts only from when it was surely there.
    """
    off_ms = [
        1000 * max(abs(event.before_s - event.planned_s), abs(_done_s(event) - event.planned_s))
        for twin in run.twins
        for event in _changes(twin)
    ]
    return _timing(ON_TIME, off_ms, PLAN_OFF_MS, lambda ms: f"The faults changed within {ms:.1f} ms of plan.")


def _done_s(event: Change) -> float:
    return event.after_s if event.target.startswith(f"{Kind.LINK}/") else event.before_s


def _in_step(run: RunEvidence) -> Gate:
    """Asked of all at once. How long a target then takes is its twin's affair: a proxy closes what hangs."""
    asked: dict[tuple[int, float, bool], list[float]] = {}
    for twin in run.twins:
        for event in _changes(twin):
            on = not isinstance(event, Switched) or event.on
            asked.setdefault((event.fault, event.planned_s, on), []).append(event.before_s)
    skew_ms = [1000 * (max(instants) - min(instants)) for instants in asked.values()]
    return _timing(
        IN_STEP, skew_ms, SKEW_MS, lambda ms: f"All twins were told within {ms:.1f} ms of each other."
    )


def _timing(name: str, off_ms: Sequence[float], limit_ms: float, say: Callable[[float], str]) -> Gate:
    values: Numbers = np.asarray(off_ms, dtype=np.float64)
    worst_ms = quantile(values, TIMING_SHARE) if len(values) else None
    return Gate(
        name=name,
        passed=worst_ms is not None and worst_ms <= limit_ms,
        value=worst_ms,
        limit=limit_ms,
        unit="ms",
        sentence="No fault was ever switched." if worst_ms is None else say(worst_ms),
    )


def _yes_or_no(name: str, passed: bool, sentence: str, twin: str = "") -> Gate:
    return Gate(name=name, passed=passed, value=None, limit=None, unit="", sentence=sentence, twin=twin)


def _changes(twin: TwinEvidence) -> list[Change]:
    return [event for event in twin.events if isinstance(event, Switched | Performed)]


def _changes_planned(manifest: Planned) -> int:
    """How many changes somebody has to make in the run: those of the load are in the schedule already."""
    faults = manifest.scenario.faults
    made = [switch for switch in manifest.switches if faults[switch.fault].target().kind is not Kind.LOAD]
    return len(made) + len(manifest.shots)
