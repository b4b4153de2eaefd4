"""Whether the links that no fault is about stayed as they were: a slow one would be blamed on the twin.

A twin's own load delays probes too, so only the fastest tenth of each third of a phase counts: in 21 quick runs it
came up to 4.5 ms later than in the baseline. What is behind a link can cause errors, too: a timeout or a close counts
only if neither a fault nor the service is there, a reset only if no part there is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lab.judge.evidence import TwinEvidence
from lab.judge.gates.steps import advised
from lab.judge.statistics import quantile
from lab.model import (
    BASELINE,
    EDGE,
    FAULT,
    LINK_TO,
    RECOVERY,
    Gate,
    Kind,
    LinkSample,
    longer,
    percent,
    thirds,
)

Errors = tuple[str, ...]  # of `LinkSample.error`

LINKS_AS_PLANNED = "links as planned"
# Whichever is larger; the share is of the baseline's latency. On a host half as fast the fastest probes of a backlog
# came up to 18 ms later.
SLACK_MS, SLACK_SHARE = 25.0, 0.5
SURGED_MS = 50.0  # in a surge, and in the backlog after it, all probes wait for the cores: up to 20 ms in S03
CUT = ("refused",)
# These may come from what is behind the link. Toxiproxy resets the connections that it cannot pass on.
RESET, CLOSED, SILENT = ("reset",), ("closed",), ("timeout",)
CUT_MAX = 0.05
SILENT_MAX = 0.5
SAMPLES_MIN = 10
THIRD_MIN, ANSWERED_MIN = 8, 4  # in a third of a phase: probes, and how many of them tell its speed
FASTEST = 0.1


def as_planned(twin: TwinEvidence) -> Iterator[Gate]:
    """One gate for each link without a fault that was probed."""
    broken = {str(fault.target()) for fault in twin.faults}
    samples = [sample for sample in twin.probes if isinstance(sample, LinkSample)]
    for link in sorted({sample.target for sample in samples} - broken):
        if link.startswith(f"{Kind.LINK}/"):
            mine = [sample for sample in samples if sample.target == link]
            yield _unchanged(twin, link, mine, *_cutting(twin, link))


def _cutting(twin: TwinEvidence, link: str) -> tuple[Errors, Errors]:
    """The errors that show the link itself to be cut, and those that show it to be silent."""
    name = link.removeprefix(f"{Kind.LINK}/")
    behind = {name, LINK_TO.get(name)}
    hit = {target.kind for fault in twin.faults if (target := fault.target()).name in behind}
    if Kind.PART in hit:
        return CUT, ()
    if Kind.STORE in hit or name == EDGE:
        return (*CUT, *RESET), ()
    return (*CUT, *RESET, *CLOSED), SILENT


def _unchanged(
    twin: TwinEvidence, link: str, samples: Sequence[LinkSample], cutting: Errors, silencing: Errors
) -> Gate:
    """The worst of what is seen in fault and recovery, each by itself: what was slow in one may hide in the other.

    Where one of them is too short to be judged alone, both are judged together.
    """
    before = _during(twin, samples, BASELINE)
    after = {f"the {phase} phase": _during(twin, samples, phase) for phase in (FAULT, RECOVERY)}
    if min(map(len, after.values())) < SAMPLES_MIN:
        after = {" and ".join(after): [one for some in after.values() for one in some]}
    if few := _too_few(twin, link, before, after):
        return few
    gates = [
        gate
        for when, there in after.items()
        for gate in (
            *_cut_or_silent(twin, f"On {link}, which has no fault, in {when}", there, cutting, silencing),
            _as_fast(twin, f"On {link}, which has no fault, in {when}", before, there),
        )
    ]
    failed = [gate for gate in gates if not gate.passed]
    return failed[0] if failed else max(gates, key=lambda gate: (gate.unit == "ms", gate.value))


def _too_few(
    twin: TwinEvidence, link: str, before: Sequence[LinkSample], after: Mapping[str, Sequence[LinkSample]]
) -> Gate | None:
    """A failed gate if there is too little to compare."""
    phases = {"the baseline": (BASELINE, before), **{when: (FAULT, there) for when, there in after.items()}}
    for when, (phase, there) in phases.items():
        if len(there) < SAMPLES_MIN:
            told = (
                f"On {link} there were only {len(there)} probes in {when}; at least {SAMPLES_MIN} are needed."
            )
            gate = _gate(twin, told, len(there), SAMPLES_MIN, "probes", passed=False)
            return advised(gate, longer(phase))
    return None


def _cut_or_silent(
    twin: TwinEvidence, where: str, there: Sequence[LinkSample], cutting: Errors, silencing: Errors
) -> Iterator[Gate]:
    cut, silent = _share(there, cutting), max(_share(third, silencing) for third in _thirds(there))
    told = f"{where}, {percent(cut)} of all probes were cut off."
    yield _gate(twin, told, cut, CUT_MAX, "share", passed=cut <= CUT_MAX)
    told = f"{where}, {percent(silent)} of the probes in a third of the time got no answer."
    yield _gate(twin, told, silent, SILENT_MAX, "share", passed=silent <= SILENT_MAX)


def _as_fast(
    twin: TwinEvidence, where: str, before: Sequence[LinkSample], there: Sequence[LinkSample]
) -> Gate:
    """In each third of the time the fastest probes are as fast as before. Where too few were answered, none is slow."""
    base_ms = _fastest_ms(before)
    known = [now_ms for third in _thirds(there) if (now_ms := _fastest_ms(third)) is not None]
    grown_ms = max(known) - base_ms if base_ms is not None and known else 0.0
    surged = any(fault.target().kind is Kind.LOAD for fault in twin.faults)
    limit_ms = max(SURGED_MS if surged else SLACK_MS, SLACK_SHARE * (base_ms or 0.0))
    longer_ms = f"{grown_ms:.1f} ms longer" if grown_ms > 0 else "no longer"
    told = f"{where}, the fastest probes took {longer_ms} than before, in the slowest third of the time."
    return _gate(twin, told, grown_ms, limit_ms, "ms", passed=grown_ms <= limit_ms)


def _gate(twin: TwinEvidence, told: str, value: float, limit: float, unit: str, *, passed: bool) -> Gate:
    return Gate(
        name=LINKS_AS_PLANNED,
        passed=passed,
        value=value,
        limit=limit,
        unit=unit,
        sentence=told,
        twin=twin.twin,
    )


def _during(twin: TwinEvidence, samples: Sequence[LinkSample], phase: str) -> list[LinkSample]:
    start_s, end_s = twin.phases.window(phase)
    return [one for one in samples if start_s <= one.start_s < end_s]


def _share(samples: Sequence[LinkSample], errors: Errors) -> float:
    return sum(one.error in errors for one in samples) / len(samples) if samples else 0.0


def _fastest_ms(samples: Sequence[LinkSample]) -> float | None:
    """The latency of the fastest tenth; None if too few were answered to tell."""
    answered = [one.last_byte_ms for one in samples if not one.error and one.last_byte_ms is not None]
    return quantile(np.array(answered), FASTEST) if len(answered) >= ANSWERED_MIN else None


def _thirds(samples: Sequence[LinkSample]) -> list[Sequence[LinkSample]]:
    """A link may be slow for most of a phase, and its fastest tenth not show it."""
    return thirds(samples, THIRD_MIN)
