"""The validity gates: what must be true of a run before anybody is judged by it.

When in doubt, the run is invalid: a generator that lagged, a fault that never took effect or a twin that was ill from
the start would each make a verdict that says nothing about the twins.
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
from lab.model import BASELINE, Fault, Gate, Performed, Proof, ReadBack, Switched, percent

BASELINE_HEALTHY = "baseline healthy"
FAULT_OBSERVED, HEALING_OBSERVED = "fault observed", "healing observed"
SPOILED = {SCHEDULE_LAG, ON_TIME, IN_STEP, BASELINE_HEALTHY, FAULT_OBSERVED, HEALING_OBSERVED}


def look(run: RunEvidence) -> tuple[Gate, ...]:
    """Every gate of a run, passed or not, those of the generator first."""
    gates: list[Gate] = [_complete(run)]
    for twin in run.twins:
        gates += [
            _all_recorded(run, twin),
            schedule_lag(run.manifest, twin),
            _generator(twin),
            _oracle(twin),
        ]
        gates += [_baseline(twin, run.manifest.scenario.baseline_good_min), *_as_asked(run.manifest, twin)]
        gates += [*_observed(twin), *_healed(twin)]
    if changes_planned(run.manifest):
        gates += [on_time(run), in_step(run)]
    return tuple(gates)


def spoiled_by_the_machine(gates: Sequence[Gate]) -> bool:
    """Whether a run is invalid only by what a busy machine does: made again, it may well be valid.

    A twin that is late before the fault is among it, and so are probes too late to show a fault: one twin that works
    off its backlog can take both cores. Where it was not the machine, the next run says so again.
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
    if not (planned := changes_planned(manifest)):
        return
    made = changes(twin)
    told = [event for event in twin.events if isinstance(event, Switched | Performed | ReadBack)]
    wrong = [event for event in told if not event.ok]
    sentence = (
        f"{len(made)} of {planned} changes were made, {len(wrong)} of {len(told)} echoes were not as asked."
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
