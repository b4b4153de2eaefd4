"""How a probe proves a fault: the arithmetic on its samples, and how close is close enough.

The limits are wider than a quiet machine needs (Toxiproxy is less than 1 ms late), because the lab may share two cores
with everything it measures. They never exceed half of the effect, so a toxic that was not applied never passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from lab.judge.statistics import quantile
from lab.lazily import np
from lab.model import LinkSample, Proof, percent

SAMPLES_MIN = 3
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.9  # quantiles
# How much later than asked half and nine tenths of the answers may come: in ms, and as a share of what was asked. In 93
# runs on two cores they came up to 6 and 16 ms later.
LATER = ((MIDDLE, 50.0, 0.25), (HIGH, 100.0, 0.5))
ANSWERED_MIN = 0.8
DELAY_SLACK_MS = 15.0
DELAY_SLACK_SHARE = 0.15
EFFECT_SHARE_MAX = 0.5  # of the effect: no slack is larger
REFUSED_SHARE_MIN = 0.9  # a probe that a busy machine delays before its connect may fall outside the fault

WELL_SLACK_MS = 15.0
WELL_SLACK_SHARE = 0.5  # of the baseline, or of the effect of the fault
WELL_SLACK_MS_MAX = 100.0
WELL_ANSWERED_MIN = 0.95

Reading = Callable[[LinkSample], float | None]


def first_byte_ms(sample: LinkSample) -> float | None:
    return sample.first_byte_ms


def last_byte_ms(sample: LinkSample) -> float | None:
    return sample.last_byte_ms


def close_ms(sample: LinkSample) -> float | None:
    """From the last byte of the answer to the end of stream."""
    if sample.closed_ms is None or sample.last_byte_ms is None:
        return None
    return sample.closed_ms - sample.last_byte_ms


def typical(samples: Sequence[LinkSample], reading: Reading, share: float = LOW) -> float:
    """The quantile `share` of that reading; infinite if fewer than ANSWERED_MIN of the samples have it.

    A low quantile, because a toxic delays every probe, while a busy machine delays only some and speeds up none. (In
    containers with a flapping link, reconnect storms put the lower quartile 17 to 36 ms above the 60 ms of the fault,
    and the fastest tenth of some thirds 24 ms; the fastest twentieth stays within 10 ms.)
    """
    values = [value for sample in samples if not sample.error and (value := reading(sample)) is not None]
    return _below(values, share) if len(values) >= ANSWERED_MIN * len(samples) else math.inf


def too_few(before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof | None:
    """A failed proof if there is too little to compare, else None."""
    for when, samples in (("before the fault", before), ("during it", during)):
        if len(samples) < SAMPLES_MIN:
            sentence = f"there were only {len(samples)} probes {when}; at least {SAMPLES_MIN} are needed"
            return Proof(
                proved=False, value=len(samples), limit=SAMPLES_MIN, unit="probes", sentence=sentence
            )
    return None


def delayed(
    before: Sequence[LinkSample],
    during: Sequence[LinkSample],
    *,
    reading: Reading,
    what: str,
    expected_ms: float,
    slack_share: float = DELAY_SLACK_SHARE,
    slack_ms: float = DELAY_SLACK_MS,
    share: float = LOW,
    why: str = "",
) -> Proof:
    """The typical `reading` grew by `expected_ms`, plus or minus the slack. `why` is the reason to expect that much."""
    if missing := too_few(before, during):
        return missing
    grown_ms = typical(during, reading, share) - typical(before, reading, share)
    slack_ms = min(max(slack_ms, slack_share * expected_ms), EFFECT_SHARE_MAX * expected_ms)
    if not math.isfinite(grown_ms):
        sentence = (
            f"many probes did not get {what}, which was expected {expected_ms:.0f} ms later than before"
        )
        return Proof(proved=False, value=None, limit=slack_ms, unit="ms off", sentence=sentence)
    off_ms = abs(grown_ms - expected_ms)
    return Proof(
        proved=off_ms <= slack_ms,
        value=off_ms,
        limit=slack_ms,
        unit="ms off",
        sentence=f"{what} came {grown_ms:.1f} ms later than before; {expected_ms:.0f} ms were expected{why}",
        exceeds=grown_ms > expected_ms + slack_ms,
    )


def too_late(
    before: Sequence[LinkSample],
    during: Sequence[LinkSample],
    *,
    expected_ms: float,
    spread_ms: float,
    why: str = "",
) -> Proof | None:
    """A failed proof if many answers came much later than asked, however punctual the fastest were; else None."""
    for share, slack_ms, slack_share in LATER:
        grown_ms = typical(during, first_byte_ms, share) - typical(before, first_byte_ms, share)
        late_ms, limit_ms = grown_ms - expected_ms, max(slack_ms, slack_share * expected_ms) + spread_ms
        if late_ms > limit_ms:
            sentence = (
                f"{percent(1 - share)} of the answers came more than {grown_ms:.1f} ms later than before; "
            )
            sentence += f"{expected_ms:.0f} ms were expected{why}"
            return Proof(proved=False, value=late_ms, limit=limit_ms, unit="ms off", sentence=sentence)
    return None


def ended_by(
    before: Sequence[LinkSample],
    during: Sequence[LinkSample],
    *,
    errors: Collection[str],
    what: str,
    share_min: float = 1.0,
    also: Callable[[LinkSample], bool] = lambda _sample: True,
) -> Proof:
    """At least `share_min` of the probes ended in one of `errors` (and `also`), while before they were answered."""
    if missing := too_few(before, during):
        return missing
    hit = sum(sample.error in errors and also(sample) for sample in during)
    share = hit / len(during)
    sound = sum(not sample.error for sample in before) / len(before)
    sentence = f"{hit} of {len(during)} probes were {what}"
    if sound < REFUSED_SHARE_MIN:
        sentence += f", but before the fault only {percent(sound)} were answered"
    return Proof(
        proved=share >= share_min and sound >= REFUSED_SHARE_MIN,
        value=share,
        limit=share_min,
        unit="share",
        sentence=sentence,
    )


def connected(sample: LinkSample) -> bool:
    """The TCP handshake succeeded, so the silence that follows is not that of a closed port."""
    return sample.connect_ms is not None


def link_healed(
    before: Sequence[LinkSample], during: Sequence[LinkSample], after: Sequence[LinkSample]
) -> Proof:
    """Whether probes are answered as before the fault: without errors, and as fast.

    A twin that works off its backlog keeps the machine busy, which delays probes. Where the fault delayed answers, up
    to half of that delay may remain.
    """
    if min(len(before), len(after)) < SAMPLES_MIN:
        sentence = (
            f"there were only {len(before)} probes before the fault and {len(after)} after healing; "
            f"at least {SAMPLES_MIN} of each are needed"
        )
        return Proof(proved=False, value=None, limit=SAMPLES_MIN, unit="probes", sentence=sentence)
    answered = sum(not sample.error for sample in after) / len(after)
    if answered < WELL_ANSWERED_MIN:
        sentence = f"{percent(answered)} of {len(after)} probes were answered after healing"
        return Proof(proved=False, value=answered, limit=WELL_ANSWERED_MIN, unit="share", sentence=sentence)
    base_ms, well_ms = _answer_ms(before), _answer_ms(after)
    limit_ms = max(WELL_SLACK_MS, WELL_SLACK_SHARE * base_ms, _slack_of_effect_ms(base_ms, during))
    return Proof(
        proved=well_ms - base_ms <= limit_ms,
        value=well_ms - base_ms,
        limit=limit_ms,
        unit="ms",
        sentence=f"a probe took {well_ms:.1f} ms after healing, and {base_ms:.1f} ms before the fault",
    )


def _slack_of_effect_ms(base_ms: float, during: Sequence[LinkSample]) -> float:
    """Half of what the fault added to an answer; nothing where nobody got one, for then nothing was late."""
    effect_ms = _answer_ms(during) - base_ms
    return min(WELL_SLACK_SHARE * effect_ms, WELL_SLACK_MS_MAX) if math.isfinite(effect_ms) else 0.0


def _answer_ms(samples: Sequence[LinkSample]) -> float:
    """The fastest twentieth of those that were answered."""
    return _below([sample.last_byte_ms for sample in samples if sample.last_byte_ms is not None], LOW)


def _below(values: Sequence[float], share: float) -> float:
    """The quantile `share` of `values`; infinite if there are none."""
    return quantile(np.array(values), share) if values else math.inf
