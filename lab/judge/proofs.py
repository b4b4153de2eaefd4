"""Which probes speak for a fault, and whether a link was well again.

Faults share links: latency with short partitions in it cannot be felt during those. A probe speaks for a fault if it
lived in one of its on-times, clear of the edges and of every fault that masks it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from lab.model import Fault, ProbeSample, Proof

EDGE_S = 0.05  # a switch is felt by every connection within this
WELL_AFTER_S = 1.0
WELL_SLACK_MS = 15.0
WELL_SLACK_SHARE = 0.5  # of the baseline, or of what the fault did
WELL_SLACK_MS_MAX = 100.0
WELL_ANSWERED_MIN = 0.95
SAMPLES_MIN = 3

Window = tuple[float, float]
FaultWindow = tuple[int, float, float]


def fault_proof(
    number: int,
    faults: Sequence[Fault],
    windows: Sequence[FaultWindow],
    probes: Sequence[ProbeSample],
    baseline: Window,
) -> Proof:
    """Whether fault `number` was felt while it was on."""
    fault = faults[number]
    mine = [sample for sample in probes if sample.link == fault.link]
    own = [(on, off) for n, on, off in windows if n == number]
    masks = [
        (on, off)
        for n, on, off in windows
        if faults[n].link == fault.link and faults[n].masking > fault.masking
    ]
    longest_s = max(other.probe().timeout_s for other in faults if other.link == fault.link)
    return fault.felt(
        before=list(_inside(mine, [baseline])),
        during=[sample for sample in _inside(mine, own) if not _touches(sample, masks, longest_s)],
    )


def healed_proof(
    before: Sequence[ProbeSample], during: Sequence[ProbeSample], after: Sequence[ProbeSample]
) -> Proof:
    """Whether the probe is back to what it was: no errors, and no later than before.

    A twin that works off its backlog keeps the machine busy and probes late. What the fault did to them tells how late
    is too late: half of that at most.
    """
    if min(len(before), len(after)) < SAMPLES_MIN:
        sentence = (
            f"only {len(before)} probes before and {len(after)} after, at least {SAMPLES_MIN} are needed"
        )
        return Proof(proved=False, value=None, limit=SAMPLES_MIN, unit="probes", sentence=sentence)
    answered = sum(not sample.error for sample in after) / len(after)
    if answered < WELL_ANSWERED_MIN:
        sentence = f"{100 * answered:.0f} % of {len(after)} probes were answered after healing"
        return Proof(proved=False, value=answered, limit=WELL_ANSWERED_MIN, unit="share", sentence=sentence)
    base_ms, well_ms = _typical_ms(before), _typical_ms(after)
    effect_ms = min(WELL_SLACK_SHARE * (_typical_ms(during) - base_ms), WELL_SLACK_MS_MAX)
    limit_ms = max(WELL_SLACK_MS, WELL_SLACK_SHARE * base_ms, effect_ms)
    return Proof(
        proved=well_ms - base_ms <= limit_ms,
        value=well_ms - base_ms,
        limit=limit_ms,
        unit="ms",
        sentence=f"the probe takes {well_ms:.1f} ms after healing, {base_ms:.1f} ms before the fault",
    )


def on_link(probes: Iterable[ProbeSample], link: str, window: Window) -> list[ProbeSample]:
    """The probes of `link` that lived inside `window`."""
    return list(_inside((sample for sample in probes if sample.link == link), [window]))


def _inside(probes: Iterable[ProbeSample], windows: Sequence[Window]) -> Iterator[ProbeSample]:
    """Those that lived inside a window. One without an answer has no known end: it counts where it began."""
    for sample in probes:
        if any(on + EDGE_S <= sample.start_s and _known_end_s(sample) <= off - EDGE_S for on, off in windows):
            yield sample


def _touches(sample: ProbeSample, windows: Sequence[Window], longest_s: float) -> bool:
    """Whether it may have been alive in a window: one without an answer may have lived as long as a probe waits."""
    end_s = sample.start_s + longest_s if sample.error else _known_end_s(sample)
    return any(sample.start_s <= off + EDGE_S and end_s >= on - EDGE_S for on, off in windows)


def _known_end_s(sample: ProbeSample) -> float:
    steps = (sample.connect_ms, sample.first_byte_ms, sample.last_byte_ms, sample.closed_ms)
    return sample.start_s + max((step for step in steps if step is not None), default=0.0) / 1000


def _typical_ms(samples: Sequence[ProbeSample]) -> float:
    """The lower quartile of those answered: what the link takes, whatever else the machine has to do."""
    answered = sorted(sample.last_byte_ms for sample in samples if sample.last_byte_ms is not None)
    return answered[len(answered) // 4] if answered else math.inf
