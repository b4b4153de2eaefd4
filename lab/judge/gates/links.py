"""Whether the links that no fault is about stayed as they were: a slow one would be blamed on the twin.

A twin's own load delays probes too, so only the fastest tenth counts. What is behind a link can cause errors, too: a
timeout or a close counts only if neither a fault nor the service is there, a reset only if no part there is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lab.judge.evidence import TwinEvidence
from lab.judge.statistics import quantile
from lab.model import BASELINE, EDGE, FAULT, LINK_TO, RECOVERY, Gate, Kind, LinkSample, percent

Errors = tuple[str, ...]  # of `LinkSample.error`

LINKS_AS_PLANNED = "links as planned"
SLACK_MS, SLACK_SHARE = 15.0, 0.5  # whichever is larger; the share is of the baseline's latency
SURGED_MS = 50.0  # in a surge, and in the backlog after it, all probes wait for the cores: 11 to 24 ms in S03
CUT = ("refused",)
# These may come from what is behind the link. Toxiproxy resets the connections that it cannot pass on.
RESET, CLOSED, SILENT = ("reset",), ("closed",), ("timeout",)
CUT_MAX = 0.05
SILENT_MAX = 0.5
SAMPLES_MIN = 10
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
    """The worse of fault and recovery: what was slow in one of them may hide among the fast probes of the other.

    Where one of them is too short to be judged alone, both are judged together.
    """
    before = _during(twin, samples, BASELINE)
    after = {f"the {phase} phase": _during(twin, samples, phase) for phase in (FAULT, RECOVERY)}
    if min(map(len, after.values())) < SAMPLES_MIN:
        after = {" and ".join(after): [one for some in after.values() for one in some]}
    gates = [_as_before(twin, link, when, before, there, cutting, silencing) for when, there in after.items()]
    return min(gates, key=lambda gate: (gate.passed, -(gate.value or 0.0)))


def _as_before(
    twin: TwinEvidence,
    link: str,
    when: str,
    before: Sequence[LinkSample],
    after: Sequence[LinkSample],
    cutting: Errors,
    silencing: Errors,
) -> Gate:
    base_ms, now_ms = _fastest_ms(before), _fastest_ms(after)
    grown_ms = now_ms - base_ms if base_ms is not None and now_ms is not None else 0.0
    surged = any(fault.target().kind is Kind.LOAD for fault in twin.faults)
    limit_ms = max(SURGED_MS if surged else SLACK_MS, SLACK_SHARE * (base_ms or 0.0))
    cut, silent = _share(after, cutting), _share(after, silencing)
    enough = min(len(before), len(after)) >= SAMPLES_MIN
    told = f"On {link}, which has no fault, in {when}"
    if not enough:
        told = f"On {link} there were only {len(before)} probes before the fault and {len(after)} in {when}; "
        told += f"at least {SAMPLES_MIN} of each are needed."
    elif silent > SILENT_MAX:
        told += f" {percent(silent)} of the probes got no answer."
    else:
        longer = f"{grown_ms:.1f} ms longer" if grown_ms > 0 else "no longer"
        told += (
            f" the fastest probes took {longer} than before, and {percent(cut)} of all probes were cut off."
        )
    return Gate(
        name=LINKS_AS_PLANNED,
        passed=enough and grown_ms <= limit_ms and cut <= CUT_MAX and silent <= SILENT_MAX,
        value=grown_ms,
        limit=limit_ms,
        unit="ms",
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
    return quantile(np.array(answered), FASTEST) if len(answered) >= SAMPLES_MIN else None
