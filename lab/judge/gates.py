"""The validity gates: what must be true of a run before any twin is judged by it.

When in doubt, the run is invalid. A generator that lagged, a fault that never took effect, a twin that was unhealthy
from the start: each would give a verdict that says nothing about the twins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from lab.judge.evidence import Planned, RunEvidence, TwinEvidence
from lab.judge.proofs import fault_proof, healed_proof
from lab.judge.punctuality import (
    IN_STEP,
    ON_TIME,
    SCHEDULE_LAG,
    changes,
    changes_planned,
    in_step,
    on_time,
    schedule_lag,
)
from lab.judge.statistics import between, is_settled, is_sound, ratio
from lab.judge.tampering import untouched
from lab.model import BASELINE, Fault, Gate, Performed, Proof, ReadBack, Switched, percent

BASELINE_HEALTHY = "baseline healthy"
FAULT_OBSERVED, HEALING_OBSERVED = "fault observed", "healing observed"
SPOILED = {SCHEDULE_LAG, ON_TIME, IN_STEP, BASELINE_HEALTHY, FAULT_OBSERVED, HEALING_OBSERVED}


def look(run: RunEvidence) -> tuple[Gate, ...]:
    """Every gate of a run, passed or failed; first what somebody else did, since it may explain the rest."""
    gates: list[Gate] = [_complete(run), *map(untouched, run.twins)]
    for twin in run.twins:
        gates += [_all_recorded(run, twin), schedule_lag(run.manifest, twin), _generator(twin), _oracle(twin)]
        gates += [_baseline(twin, run.manifest.scenario.baseline_good_min), *_as_asked(run.manifest, twin)]
        gates += [*_observed(twin), *_healed(twin)]
    if changes_planned(run.manifest):
        gates += [on_time(run), in_step(run)]
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
    if not (planned := changes_planned(manifest)):
        return
    made = changes(twin)
    told = [event for event in twin.events if isinstance(event, Switched | Performed | ReadBack)]
    wrong = [event for event in told if not event.ok]
    sentence = (
        f"{len(made)} of {planned} changes were made; {len(wrong)} of {len(told)} readings contradict them."
    )
    if wrong:
        first = wrong[0]
        at_s = first.at_s if isinstance(first, ReadBack) else first.before_s
        sentence += f" First at {at_s:.2f} s on {first.target}. {first.error}".rstrip()
    yield Gate(
        name="fault as asked",
        passed=not wrong and len(made) == planned,
        value=len(wrong) + abs(planned - len(made)),
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


def _yes_or_no(name: str, passed: bool, sentence: str, twin: str = "") -> Gate:
    return Gate(name=name, passed=passed, value=None, limit=None, unit="", sentence=sentence, twin=twin)
