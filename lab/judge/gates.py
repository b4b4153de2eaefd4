"""The validity gates: what must be true of a run before any twin is judged by it.

When in doubt, the run is invalid. A generator that lagged, a fault that never took effect, a twin that was unhealthy
from the start: each would give a verdict that says nothing about the twins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lab.judge.evidence import Planned, RunEvidence, TwinEvidence
from lab.judge.proofs import fault_proof, healed_proof
from lab.judge.statistics import Numbers, between, is_settled, is_sound, quantile, ratio, schedule_lag_ms
from lab.model import BASELINE, Fault, Gate, Kind, Performed, Proof, ReadBack, Switched, percent

SCHEDULE_LAG_P99_MS = 5.0
PLAN_OFF_MS = 50.0
SKEW_MS = 10.0
SCHEDULE_LAG, ON_TIME, IN_STEP = "schedule lag", "faults on time", "twins in step"
BASELINE_HEALTHY = "baseline healthy"
FAULT_OBSERVED, HEALING_OBSERVED = "fault observed", "healing observed"
SPOILED = {SCHEDULE_LAG, ON_TIME, IN_STEP, BASELINE_HEALTHY, FAULT_OBSERVED, HEALING_OBSERVED}
TIMING_SHARE = 0.95  # quantile of the switches: the worst of two; of a burst's many it ignores a few

Change = Switched | Performed


def look(run: RunEvidence) -> tuple[Gate, ...]:
    """Every gate of a run, passed or failed, those of the generator first."""
    gates: list[Gate] = [_complete(run)]
    for twin in run.twins:
        gates += [_all_recorded(run, twin), _schedule_lag(twin), _generator(twin), _oracle(twin)]
        gates += [_baseline(twin, run.manifest.scenario.baseline_good_min), *_as_asked(run.manifest, twin)]
        gates += [*_observed(twin), *_healed(twin)]
    if _changes_planned(run.manifest):
        gates += [_on_time(run), _in_step(run)]
    return tuple(gates)


def spoiled_by_the_machine(gates: Sequence[Gate]) -> bool:
    """Whether a run is invalid only because of a busy machine, so that a repeated run may well be valid.

    That includes a twin that was late before the fault, and a fault that the target confirms but the probes came too
    late to see: a twin that works off its backlog can take both cores. If the machine was not the cause, the repeated
    run fails too.
    """
    failed = {gate.name for gate in gates if not gate.passed}
    return bool(failed) and failed <= SPOILED


def _complete(run: RunEvidence) -> Gate:
    status = str(run.manifest.status)
    return _yes_or_no("run complete", status == "complete", f"Status of the run: {status}.")


def _all_recorded(run: RunEvidence, twin: TwinEvidence) -> Gate:
    """A repetition that was not sent counts as recorded if the request that it repeats had been answered by then."""
    planned, recorded = run.manifest.planned, len(twin.recorded)
    spared, unfounded = recorded - len(twin.requests), _unfounded(twin)
    sentence = f"{planned} requests were planned, {recorded} recorded"
    if spared:
        sentence += f" ({spared} as not needed, because the requests that they repeat were answered)"
    if unfounded:
        sentence += f", but {unfounded} of those requests had no answer by then"
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
    """How many repetitions were not sent although the first request had no answer yet, or was told to try again."""
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
        sentence="No request was sent."
        if p99_ms is None
        else f"99 % of requests were sent within {p99_ms:.1f} ms of plan.",
        twin=twin.twin,
    )


def _generator(twin: TwinEvidence) -> Gate:
    hits, errors = twin.summary.cap_hits, twin.summary.errors
    sentence = f"The load generator held back {hits} requests at its own limit."
    if errors:
        sentence += f" It had {len(errors)} errors of its own; the first: {errors[0]}."
    return Gate(
        name="generator healthy",
        passed=not hits and not errors,
        value=hits + len(errors),
        limit=0,
        unit="problems",
        sentence=sentence,
        twin=twin.twin,
    )


def _oracle(twin: TwinEvidence) -> Gate:
    """In a right answer to each operation something wrong was planted, wherever something is expected of it."""
    tried = twin.summary.oracle
    blind = sorted(op for op, saw in tried.items() if not saw)
    sentence = f"The check of answers saw each wrong one that was planted, for {len(tried)} operations."
    if blind:
        names = ", ".join(blind)
        sentence = f"Nothing shows that the check of answers works for {names}: no right answer, or a wrong one unseen."
    elif not tried:
        sentence = "Nothing was expected of any answer, so none could be told to be wrong."
    return _yes_or_no("oracle alive", bool(tried) and not blind, sentence, twin.twin)


def _baseline(twin: TwinEvidence, good_min: float) -> Gate:
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


def _as_asked(manifest: Planned, twin: TwinEvidence) -> Iterator[Gate]:
    """Every planned change was made, and the target always reported the state that was asked for."""
    if not (planned := _changes_planned(manifest)):
        return
    changes = _changes(twin)
    told = [event for event in twin.events if isinstance(event, Switched | Performed | ReadBack)]
    wrong = [event for event in told if not event.ok]
    sentence = f"{len(changes)} of {planned} changes were made; {len(wrong)} of {len(told)} readings contradict them."
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
    """From the planned instant until a link was changed, or until a part or a store was asked to change: how long a
    server takes to stop or start does not count, because a fault counts only from when it was surely there.
    """
    off_ms = [
        1000 * max(abs(event.before_s - event.planned_s), abs(_done_s(event) - event.planned_s))
        for twin in run.twins
        for event in _changes(twin)
    ]
    return _timing(
        ON_TIME, off_ms, PLAN_OFF_MS, lambda ms: f"Faults were switched within {ms:.1f} ms of plan."
    )


def _done_s(event: Change) -> float:
    return event.after_s if event.target.startswith(f"{Kind.LINK}/") else event.before_s


def _in_step(run: RunEvidence) -> Gate:
    """Whether all twins were asked at once. How long a target then takes does not count: a proxy closes what hangs."""
    asked: dict[tuple[int, float, bool], list[float]] = {}
    for twin in run.twins:
        for event in _changes(twin):
            on = not isinstance(event, Switched) or event.on
            asked.setdefault((event.fault, event.planned_s, on), []).append(event.before_s)
    skew_ms = [1000 * (max(instants) - min(instants)) for instants in asked.values()]
    return _timing(
        IN_STEP, skew_ms, SKEW_MS, lambda ms: f"All twins got each change within {ms:.1f} ms of each other."
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
    """How many changes must be made during the run: those of the load are in the schedule already."""
    faults = manifest.scenario.faults
    made = [switch for switch in manifest.switches if faults[switch.fault].target().kind is not Kind.LOAD]
    return len(made) + len(manifest.shots)
