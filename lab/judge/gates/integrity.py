"""Whether the record of a twin agrees with the plan: shifted times and dropped lines show up here.

The load plays a schedule that was written before it began, and the observer looks from T0 to the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.statistics import Mask, Numbers
from lab.model import PHASES, CpuRead, Gate, LinkSample, PhaseStarted, Switched

AS_SCHEDULED, HISTORY_COMPLETE, THROUGHOUT = "as scheduled", "history complete", "observed throughout"
AS_PLANNED = "phases as planned"
SAME_S = 1e-6  # the schedule has six digits
PHASE_OFF_S = 1.0  # a phase begins within this of plan
FIRST_S = 1.0  # a series of readings begins within this of T0 …
LAST_S = 1.5  # … and ends at most this long before the end of the load
# Between two probes of a link, which come at least five a second whatever becomes of the answers. An observer that is
# stopped for half a second leaves more than this; in 21 quick runs the longest gap was 0.28 s.
GAP_MAX_S = 0.5


def as_scheduled(run: RunEvidence, twin: TwinEvidence) -> Gate:
    """Each request is recorded with the instant and the operation of the arrival that has its number."""
    recorded, due = twin.recorded, run.schedule.due
    known = recorded[recorded["i"] < len(due)]
    planned = due[known["i"]]
    off_s = known["intended"] - planned["at_s"]
    numbers = {name: number for number, name in enumerate(run.schedule.ops)}
    ops = np.array([numbers.get(name, -1) for name in twin.ops], dtype=np.int64)[known["op"]]
    wrong = (np.abs(off_s) > SAME_S) | (ops != planned["op"])
    count = int(wrong.sum()) + len(recorded) - len(known)
    sentence = f"All {len(recorded)} requests match the schedule, in instant and operation."
    if count:
        sentence = (
            f"{count} of {len(recorded)} requests differ from the schedule{_first(known, off_s, wrong)}."
        )
    return _counted(AS_SCHEDULED, count, "requests off schedule", sentence, twin)


def _first(known: Any, off_s: Numbers, wrong: Mask) -> str:
    if not wrong.any():
        return ""
    first = int(np.flatnonzero(wrong)[0])
    how = f"is {off_s[first]:+.6f} s off its planned instant" if off_s[first] else "is another operation"
    return f"; the first, no. {known['i'][first]}, {how}"


def phases_as_planned(run: RunEvidence) -> Gate:
    """The run went through its phases and switched its faults when the manifest says so: a verdict rests on both."""
    begun = {event.phase: event.at_s for event in run.events if isinstance(event, PhaseStarted)}
    wrong = [
        f"the {phase} phase {_begun(run, phase, begun)}" for phase in PHASES if not _kept(run, phase, begun)
    ]
    planned = {(round(each.at_s, 3), each.fault, each.on) for each in run.manifest.switches}
    wrong += [
        f"the manifest plans no change of fault {each.fault + 1} of the {twin.twin} twin at {each.planned_s:g} s"
        for twin in run.twins
        for each in twin.events
        if isinstance(each, Switched) and (round(each.planned_s, 3), each.fault, each.on) not in planned
    ]
    sentence = "Phases and faults began when the manifest says."
    if wrong:
        sentence = f"The events contradict the manifest: {'; '.join(wrong[:3])}."
    return Gate(
        name=AS_PLANNED, passed=not wrong, value=len(wrong), limit=0, unit="contradictions", sentence=sentence
    )


def _kept(run: RunEvidence, phase: str, begun: Mapping[str, float]) -> bool:
    return phase in begun and abs(begun[phase] - run.manifest.phases.window(phase)[0]) <= PHASE_OFF_S


def _begun(run: RunEvidence, phase: str, begun: Mapping[str, float]) -> str:
    due_s = run.manifest.phases.window(phase)[0]
    if phase in begun:
        return f"began at {begun[phase]:.1f} s, not at {due_s:g} s"
    return f"never began (it was due at {due_s:g} s)"


def history_complete(run: RunEvidence, twin: TwinEvidence) -> Gate:
    """Each request whose content the invariants read has its line in the history."""
    ops = [number for number, name in enumerate(twin.ops) if name in run.manifest.history_ops]
    sent = int(np.isin(twin.requests["op"], ops).sum())
    sentence = f"The history has {twin.history_lines} lines for the {sent} requests that it must cover."
    off = abs(sent - twin.history_lines)
    return _counted(HISTORY_COMPLETE, off, "lines missing or extra", sentence, twin)


def observed_throughout(twin: TwinEvidence) -> Gate:
    """Every series of readings runs from T0 to the end of the load, and no link is left unprobed in between.

    All readings are taken by one program: where it pauses, the probes of links, which are the most frequent, show it.
    """
    seen: dict[str, list[float]] = {}
    for what, at_s in _looks(twin):
        seen.setdefault(what, []).append(at_s)
    last_s = twin.phases.load_s - LAST_S
    wrong = [
        f"{what} from {min(at_s):.1f} s to {max(at_s):.1f} s"
        for what, at_s in seen.items()
        if abs(min(at_s)) > FIRST_S or max(at_s) < last_s
    ]
    gaps = list(_gaps(twin))
    sentence = (
        f"All {len(seen)} series of readings run from the start to the end of the load, without a pause."
    )
    if wrong:
        sentence = f"Some readings do not cover the whole load, from 0 s to {twin.phases.load_s:g} s: "
        sentence += f"{'; '.join(wrong)}."
    elif gaps:
        sentence = f"The lab's own readings stopped for a while: {gaps[0]}."
    return _counted(THROUGHOUT, len(wrong) + len(gaps), "gaps", sentence, twin)


def _gaps(twin: TwinEvidence) -> Iterator[str]:
    """The probes of the observer, which begin whether or not earlier ones were answered."""
    began: dict[str, list[float]] = {}
    for sample in twin.probes:
        if isinstance(sample, LinkSample):
            began.setdefault(sample.target, []).append(sample.start_s)
    for target, at_s in began.items():
        for last_s, next_s in pairwise(sorted(at_s)):
            if next_s - last_s > GAP_MAX_S:
                yield f"no probe of {target} between {last_s:.1f} s and {next_s:.1f} s"


def _looks(twin: TwinEvidence) -> Iterator[tuple[str, float]]:
    for sample in twin.probes:
        yield sample.target, sample.start_s
    for reading in twin.metrics:
        yield f"the metrics of replica {reading.member}", reading.at_s
    for event in twin.events:
        if isinstance(event, CpuRead):
            yield "its CPU time", event.at_s


def _counted(name: str, count: int, unit: str, sentence: str, twin: TwinEvidence) -> Gate:
    return Gate(
        name=name, passed=not count, value=count, limit=0, unit=unit, sentence=sentence, twin=twin.twin
    )
