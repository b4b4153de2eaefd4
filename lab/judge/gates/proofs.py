"""Which samples prove which fault: those of its target that lay inside its windows, clear of their edges.

While one fault masks another, samples say nothing about the masked one. When a fault comes and goes, all clients
reconnect at once, which delays the probes too. Each third then only has to show that the fault was on; how strong it
was is judged over all thirds together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lab.judge.evidence import TwinEvidence
from lab.judge.statistics import between, distinct
from lab.model import (
    BASELINE,
    FAULT,
    RECOVERY,
    Fault,
    FaultWindow,
    Kind,
    LinkSample,
    Proof,
    Sample,
    Seen,
    Window,
    longer,
)

FEW = 5  # fewer samples say nothing about a third of a fault that comes and goes
ENOUGH = (
    8  # of any other fault: the shortest of the catalogue (half of eight seconds, S11) has 12 in each third
)
THIRDS = ("its first third", "its second third", "its last third")
EDGE_S = 0.05  # a switch reaches every connection within this
WELL_AFTER_S = 1.0  # how long after the last fault a target must be healthy again


def fault_proof(number: int, twin: TwinEvidence) -> Proof:
    """Whether fault number `number` was observed while it was on; a fault of a link, in every third of that time."""
    fault = twin.faults[number]
    mine = _of_target(twin, fault)
    own = [_edges(window) for window in twin.fault_windows if window.fault == number]
    masks = [_edges(window) for window in twin.fault_windows if _masks(twin.faults[window.fault], fault)]
    longest_s = _patience_s(twin.faults, fault)
    shown = [sample for sample in _inside(mine, own) if not _touches(sample, masks, longest_s)]
    flickering = bool(masks) or getattr(fault, "burst", None) is not None
    whole = fault.observed(_before(twin, mine), _seen(twin, shown, own, steady=not flickering))
    if fault.target().kind is not Kind.LINK or not own:
        return whole
    proofs = [
        (when, _proof_of_third(fault, twin, _before(twin, mine), there, part, flickering))
        for when, part in _thirds(own)
        if len(there := _of_third(shown, part, flickering=flickering)) >= FEW or not flickering
    ]
    missing = [
        replace(proof, sentence=f"in {when}, {proof.sentence}")
        for when, proof in proofs
        if not (proof.proved or (flickering and proof.exceeds))
    ]
    everywhere = len(missing) == len(proofs) and not whole.proved
    return missing[0] if missing and not everywhere else whole


def _proof_of_third(
    fault: Fault,
    twin: TwinEvidence,
    before: Seen,
    there: Sequence[Sample],
    part: Sequence[Window],
    flickering: bool,
) -> Proof:
    if not flickering and len(there) < ENOUGH:
        sentence = f"there were only {len(there)} probes; at least {ENOUGH} are needed"
        step = longer(FAULT)
        return Proof(
            proved=False, value=len(there), limit=ENOUGH, unit="probes", sentence=sentence, step=step
        )
    return fault.observed(before, _seen(twin, there, part, steady=not flickering))


def _thirds(windows: Sequence[Window]) -> Iterator[tuple[str, list[Window]]]:
    """(name, windows clipped to it) of each third of the time from the first window to the last."""
    start_s, end_s = min(on for on, _ in windows), max(off for _, off in windows)
    length_s = (end_s - start_s) / len(THIRDS)
    for number, name in enumerate(THIRDS):
        first_s, last_s = start_s + number * length_s, start_s + (number + 1) * length_s
        clipped = [(max(on, first_s), min(off, last_s)) for on, off in windows]
        yield name, [(on, off) for on, off in clipped if off > on]


def healed_proof(fault: Fault, twin: TwinEvidence) -> Proof:
    """Whether the target of `fault` was healthy again after the last fault on it."""
    mine = _of_target(twin, fault)
    windows = [
        _edges(window)
        for window in twin.fault_windows
        if twin.faults[window.fault].target() == fault.target()
    ]
    end_s = twin.phases.window(RECOVERY)[1]
    healed_s = max((off for _, off in windows), default=end_s)
    after = [(healed_s + WELL_AFTER_S, end_s)]
    return fault.healed(
        _before(twin, mine),
        _seen(twin, _inside(mine, windows), windows),
        _seen(twin, _inside(mine, after), after),
    )


def _before(twin: TwinEvidence, samples: Sequence[Sample]) -> Seen:
    baseline = [twin.phases.window(BASELINE)]
    return _seen(twin, _inside(samples, baseline), baseline)


def _seen(
    twin: TwinEvidence, samples: Iterable[Sample], windows: Sequence[Window], *, steady: bool = True
) -> Seen:
    planned = [between(twin.requests, *window) for window in windows]
    return Seen(
        samples=tuple(samples),
        length_s=sum(end - start for start, end in windows),
        planned=sum(len(part) for part in planned),
        recorded=sum(map(distinct, planned)),
        steady=steady,
    )


def _of_target(twin: TwinEvidence, fault: Fault) -> list[Sample]:
    """The samples of the target; for a member of a part, those of all its members."""
    target = fault.target()
    names = {str(target), f"{target.kind}/{target.name}"}
    return [sample for sample in twin.probes if sample.target in names]


def _masks(other: Fault, fault: Fault) -> bool:
    return other.target() == fault.target() and other.masking > fault.masking


def _patience_s(faults: Sequence[Fault], fault: Fault) -> float:
    """How long a probe of the target of `fault` may take at most."""
    probes = [probe for other in faults if other.target() == fault.target() for probe in other.probes()]
    return max((probe.timeout_s for probe in probes), default=0.0)


def _edges(window: FaultWindow) -> Window:
    return window.on_s, window.off_s


def _inside(samples: Iterable[Sample], windows: Sequence[Window]) -> Iterator[Sample]:
    """The samples that lay inside a window. One without an answer has no known end: it counts where it began."""
    for sample in samples:
        if any(on + EDGE_S <= sample.start_s and sample.end_s <= off - EDGE_S for on, off in windows):
            yield sample


def _of_third(samples: Sequence[Sample], windows: Sequence[Window], *, flickering: bool) -> list[Sample]:
    """The samples inside; where a probe takes nearly as long as a third, those of which a part lay inside."""
    inside = list(_inside(samples, windows))
    if flickering or len(inside) >= ENOUGH:
        return inside
    return [
        sample
        for sample in samples
        if any(sample.start_s < off - EDGE_S and sample.end_s > on + EDGE_S for on, off in windows)
    ]


def _touches(sample: Sample, windows: Sequence[Window], longest_s: float) -> bool:
    """Whether `sample` may overlap a window: one without an answer may have lasted as long as a probe waits."""
    unanswered = isinstance(sample, LinkSample) and bool(sample.error)
    end_s = sample.start_s + longest_s if unanswered else sample.end_s
    return any(sample.start_s <= off + EDGE_S and end_s >= on - EDGE_S for on, off in windows)
