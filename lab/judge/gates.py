"""The validity gates: what must be true of a run before anybody is judged by it.

Invalid rather than wrong: a generator that lagged, a toxic that never bit or a twin that was ill from the start would
each make a verdict that says nothing about the twins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.proofs import WELL_AFTER_S, fault_proof, healed_proof, on_link
from lab.judge.statistics import Numbers, between, is_sound, quantile, ratio, send_lag_ms
from lab.model import BASELINE, RECOVERY, Gate, Proof, Scenario

SEND_LAG_P99_MS = 5.0
PLAN_OFF_MS = 50.0
SKEW_MS = 10.0
SEND_LAG, ON_TIME, IN_STEP = "send lag", "faults on time", "twins in step"
TIMING_SHARE = 0.95  # of the switches: with two it is the worst, with the many of a burst one may slip

Event = Mapping[str, Any]


def look(run: RunEvidence, twins: Sequence[TwinEvidence], scenario: Scenario) -> tuple[Gate, ...]:
    """Every gate of a run, passed or not, those of the generator first."""
    gates: list[Gate] = [_complete(run)]
    for twin in twins:
        gates += [_all_recorded(run, twin), _send_lag(twin), _generator(twin), _oracle(twin), _baseline(twin)]
        gates += [*_echoed(run, twin, scenario), *_felt(twin, scenario), *_healed(twin, scenario)]
    if scenario.faults:
        gates += [_on_time(run), _in_step(run)]
    return tuple(gates)


def spoiled_by_the_machine(gates: Sequence[Gate]) -> bool:
    """Whether a run is invalid only because the machine was not on time: made again, it may well be valid."""
    failed = {gate.name for gate in gates if not gate.passed}
    return bool(failed) and failed <= {SEND_LAG, ON_TIME, IN_STEP}


def _complete(run: RunEvidence) -> Gate:
    status = str(run.manifest["status"])
    return Gate(
        name="run complete",
        passed=status == "complete",
        value=None,
        limit=None,
        unit="",
        sentence=f"The run ended {status}.",
    )


def _all_recorded(run: RunEvidence, twin: TwinEvidence) -> Gate:
    planned, recorded = int(run.manifest["planned"]), len(np.unique(twin.requests["i"]))
    return Gate(
        name="planned = recorded",
        passed=planned == recorded == len(twin.requests) and planned > 0,
        value=len(twin.requests),
        limit=planned,
        unit="requests",
        sentence=f"{planned} requests were planned, {len(twin.requests)} recorded.",
        twin=twin.twin,
    )


def _send_lag(twin: TwinEvidence) -> Gate:
    lag_ms = send_lag_ms(twin.requests)
    p99_ms = quantile(lag_ms, 0.99) if len(lag_ms) else None
    return Gate(
        name=SEND_LAG,
        passed=p99_ms is not None and p99_ms <= SEND_LAG_P99_MS,
        value=p99_ms,
        limit=SEND_LAG_P99_MS,
        unit="ms",
        sentence="Nothing was sent."
        if p99_ms is None
        else f"99 % of requests were sent within {p99_ms:.1f} ms of plan.",
        twin=twin.twin,
    )


def _generator(twin: TwinEvidence) -> Gate:
    hits, errors = int(twin.load["cap_hits"]), list(twin.load["errors"])
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
    alive = bool(twin.load["oracle_rejects_planted_wrong"])
    verb = "rejected" if alive else "let pass"
    return Gate(
        name="oracle alive",
        passed=alive,
        value=None,
        limit=None,
        unit="",
        sentence=f"The check of bodies {verb} a planted wrong answer.",
        twin=twin.twin,
    )


def _baseline(twin: TwinEvidence) -> Gate:
    """Who was still in time when the fault began belongs to neither: the end of the phase is left out."""
    start_s, end_s = twin.phases.window(BASELINE)
    within_ms = twin.scenario.load.good_within_ms
    planned = between(twin.requests, start_s, end_s - within_ms / 1000)
    sound = ratio(is_sound(planned, within_ms)) if len(planned) else 0.0
    return Gate(
        name="baseline healthy",
        passed=sound >= twin.scenario.baseline_good_min,
        value=sound,
        limit=twin.scenario.baseline_good_min,
        unit="share",
        sentence=f"{100 * sound:.1f} % of {len(planned)} requests were right and in time before the fault.",
        twin=twin.twin,
    )


def _echoed(run: RunEvidence, twin: TwinEvidence, scenario: Scenario) -> Iterator[Gate]:
    """Every planned switch was made, and each time the proxy said what it was asked to."""
    if not scenario.faults:
        return
    planned = len(run.manifest["actions"])
    switches = _switches(run, twin.twin)
    told = [event for event in run.events if event.get("twin") == twin.twin and "ok" in event]
    wrong = [event for event in told if not event["ok"]]
    sentence = f"{len(switches)} of {planned} switches were made, {len(wrong)} of {len(told)} echoes were not as asked."
    if wrong:
        first = wrong[0]
        sentence += (
            f" First at {_at_s(first):.2f} s on the {first['link']} link. {first.get('error', '')}".rstrip()
        )
    yield Gate(
        name="fault as asked",
        passed=not wrong and len(switches) == planned > 0,
        value=len(wrong) + abs(planned - len(switches)),
        limit=0,
        unit="switches",
        sentence=sentence,
        twin=twin.twin,
    )


def _felt(twin: TwinEvidence, scenario: Scenario) -> Iterator[Gate]:
    baseline = twin.phases.window(BASELINE)
    for number, fault in enumerate(scenario.faults):
        proof = fault_proof(number, scenario.faults, twin.fault_windows, twin.probes, baseline)
        yield _proved("fault felt", twin, proof, f"With {fault.describe()}, {proof.sentence}.")


def _healed(twin: TwinEvidence, scenario: Scenario) -> Iterator[Gate]:
    end_s = twin.phases.window(RECOVERY)[1]
    for link in dict.fromkeys(fault.link for fault in scenario.faults):
        mine = [(on, off) for n, on, off in twin.fault_windows if scenario.faults[n].link == link]
        healed_s = max((off for _, off in mine), default=end_s)
        before = on_link(twin.probes, link, twin.phases.window(BASELINE))
        during = [sample for window in mine for sample in on_link(twin.probes, link, window)]
        after = on_link(twin.probes, link, (healed_s + WELL_AFTER_S, end_s))
        proof = healed_proof(before, during, after)
        yield _proved("healing felt", twin, proof, f"On the {link} link, {proof.sentence}.")


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
    """From the planned instant until the proxy had done it."""
    return _timing(
        ON_TIME,
        [1000 * max(abs(event["after_s"] - event["planned_s"]), abs(event["before_s"] - event["planned_s"]))
         for event in _switches(run)],
        PLAN_OFF_MS,
        lambda ms: f"The switches of the faults were made within {ms:.1f} ms of plan.",
    )  # fmt: skip


def _in_step(run: RunEvidence) -> Gate:
    """Asked of both at once. How long a proxy then takes is its twin's affair: it closes what hangs."""
    asked: dict[tuple[int, float, str], list[float]] = {}
    for event in _switches(run):
        asked.setdefault((event["fault"], event["planned_s"], event["event"]), []).append(event["before_s"])
    return _timing(
        IN_STEP,
        [1000 * (max(instants) - min(instants)) for instants in asked.values()],
        SKEW_MS,
        lambda ms: f"Both twins' proxies were told within {ms:.1f} ms of each other.",
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


def _switches(run: RunEvidence, twin: str = "") -> list[Event]:
    return [
        event
        for event in run.events
        if event["event"] in ("inject", "heal") and (not twin or event["twin"] == twin)
    ]


def _at_s(event: Event) -> float:
    return float(event["before_s"] if "before_s" in event else event["at_s"])
