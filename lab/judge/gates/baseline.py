"""Whether the twins were healthy, steady and alike before the fault: only then does the fault phase say anything.

The end of the baseline is left out: a request due there may still be waiting in time when the fault begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates.steps import STEPS, advised
from lab.judge.statistics import (
    TRY_AGAIN,
    Requests,
    between,
    is_answered,
    is_good,
    is_right,
    is_sound,
    is_wrong,
    latency_ms,
    of_ops,
    quantile,
    ratio,
)
from lab.model import BASELINE, Gate, Window, longer, percent

BASELINE_HEALTHY, BASELINE_STEADY, BASELINES_ALIKE = "baseline healthy", "baseline steady", "baselines alike"
WRONG_CONTENT = "had wrong content"  # the self-check looks for these words
SUCCESSES_OF = 5  # requests of one operation: if there are this many, at least one must succeed
DRIFT_OF_LIMIT = 0.25  # share of the limit X by which the median latency may move between the two halves
WHY = f"The gate {BASELINE_HEALTHY!r} says what became of the requests."
NOISE_MS = 10.0  # what two medians of a few milliseconds may differ by


def baselines(run: RunEvidence) -> Iterator[Gate]:
    """The gates of all twins together."""
    medians = {twin.twin: _median_ms(_planned(twin), twin.load.good_within_ms) for twin in run.twins}
    if len(medians) > 1:
        yield _alike(run, medians)


def baseline(twin: TwinEvidence, good_min: float) -> Iterator[Gate]:
    """The gates of one twin."""
    yield _healthy(twin, good_min)
    yield _steady(twin)


def _healthy(twin: TwinEvidence, good_min: float) -> Gate:
    """Right and in time, and no operation always failed: conflicts alone show nothing.

    A single request that failed or came late is forgiven: with fewer than a hundred it would be more than 1 %.
    """
    planned = _planned(twin)
    sound = is_sound(planned, twin.load.good_within_ms)
    count, share = int(sound.sum()), ratio(sound) if len(planned) else 0.0
    forgiven = count == len(planned) - 1 > 0 and not is_wrong(planned).any()
    sentence = f"{count} of {len(planned)} requests before the fault were right and in time."
    barren = tuple(_barren(twin, planned))
    value, limit, unit, step = share, good_min, "share", ""
    if not len(planned):
        step = longer(BASELINE)
    elif share < good_min and not forgiven:
        why, step = _ills(twin, planned[~sound], (1 - good_min) * len(planned), count)
        sentence += f" At least {percent(good_min)} must be. {why}"
    elif share < good_min:
        sentence += " A single one that failed or came late is forgiven."
    elif barren:
        value, limit, unit = len(barren), 0, "operations without a success"
    if barren:
        never = "these operations never succeeded, so nothing shows that they work"
        sentence += f" But {never}: {', '.join(barren)}."
        step = step or _see_the_log(twin)
    gate = Gate(
        name=BASELINE_HEALTHY,
        passed=not barren and (share >= good_min or forgiven),
        value=value,
        limit=limit,
        unit=unit,
        sentence=sentence,
        twin=twin.twin,
    )
    return advised(gate, step)


def _ills(twin: TwinEvidence, ill: Requests, spared: float, count: int) -> tuple[str, str]:
    """What was wrong with these requests, in words, and what to do. Only lateness and silence blame the machine.

    `spared`: how many of them would have done no harm; `count`: how many others were as they should be.
    """
    wrong = is_wrong(ill)
    slow = ~wrong & (
        ~is_answered(ill) | (latency_ms(ill) > twin.load.good_within_ms) | np.isin(ill["status"], TRY_AGAIN)
    )
    kinds = {WRONG_CONTENT: wrong, "were errors": ~wrong & ~slow, "came late or never": slow}
    told = [
        f"{int(mask.sum())} {words} ({', '.join(_ops(twin, ill[mask]))})"
        for words, mask in kinds.items()
        if mask.any()
    ]
    why, step = f"Of the others, {'; '.join(told)}.", "" if slow.all() else _see_the_log(twin)
    if slow.sum() > max(spared, 1):
        start_s, end_s = _window(twin)
        why += f" This machine managed about {count / (end_s - start_s):.0f}/s."
        step = f"{STEPS[BASELINE_HEALTHY]} {step}".rstrip()
    return why, step


def _ops(twin: TwinEvidence, requests: Requests) -> list[str]:
    return [twin.ops[number] for number in sorted({*requests["op"].tolist()})]


def _see_the_log(twin: TwinEvidence) -> str:
    return (
        f"What is wrong without a fault is the {twin.twin} twin's own mistake: see the log of its service, in "
        f"{twin.twin}/logs in the folder of the run."
    )


def _barren(twin: TwinEvidence, planned: Requests) -> Iterator[str]:
    """Operations that were requested often enough and never got the right answer."""
    for op in twin.ops:
        asked = of_ops(planned, twin.ops, (op,))
        if len(asked) >= SUCCESSES_OF and not is_right(asked).any():
            yield op


def _steady(twin: TwinEvidence) -> Gate:
    """The median latency does not drift: a twin that is still warming up, or slowly filling up, has no baseline."""
    start_s, end_s = _window(twin)
    middle_s, limit_ms = (start_s + end_s) / 2, DRIFT_OF_LIMIT * twin.load.good_within_ms
    first_ms, second_ms = (
        _median_ms(between(_planned(twin), *half), twin.load.good_within_ms)
        for half in ((start_s, middle_s), (middle_s, end_s))
    )
    drift_ms = abs(second_ms - first_ms)
    known = math.isfinite(drift_ms)
    sentence = "Too few requests succeeded before the fault to say whether the twin was steady."
    if known:
        sentence = f"Median latency: {first_ms:.0f} ms in the first half, {second_ms:.0f} ms in the second."
    gate = Gate(
        name=BASELINE_STEADY,
        passed=known and drift_ms <= limit_ms,
        value=drift_ms if known else None,
        limit=limit_ms,
        unit="ms",
        sentence=sentence,
        twin=twin.twin,
    )
    return advised(gate, "" if known else f"{WHY} If too few were due: {longer(BASELINE)}")


def _alike(run: RunEvidence, medians: Mapping[str, float]) -> Gate:
    """Before anything breaks, no twin is much slower than another; else the fault phase compares something else."""
    times = run.manifest.scenario.baseline_alike
    slowest_ms, fastest_ms = max(medians.values()), min(medians.values())
    limit_ms = times * fastest_ms + NOISE_MS
    known = all(map(math.isfinite, medians.values()))
    told = ", ".join(
        f"{name} {ms:.0f} ms" if math.isfinite(ms) else f"{name} no good answer"
        for name, ms in medians.items()
    )
    gate = Gate(
        name=BASELINES_ALIKE,
        passed=known and slowest_ms <= limit_ms,
        value=slowest_ms if known else None,
        limit=limit_ms if known else None,
        unit="ms",
        sentence=f"Median latency before the fault: {told}; the slowest may be at most {times:g} times the "
        f"fastest plus {NOISE_MS:g} ms.",
    )
    return advised(gate, "" if known else WHY)


def _median_ms(planned: Requests, within_ms: float) -> float:
    """The median latency of the good answers."""
    return quantile(latency_ms(planned[is_good(planned, within_ms)]), 0.5)


def _planned(twin: TwinEvidence) -> Requests:
    return between(twin.requests, *_window(twin))


def _window(twin: TwinEvidence) -> Window:
    """The baseline without its end, where requests may meet the fault; of a short one, the first half."""
    start_s, end_s = twin.phases.window(BASELINE)
    return start_s, max((start_s + end_s) / 2, end_s - twin.load.good_within_ms / 1000)
