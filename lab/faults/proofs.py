"""How a probe proves a fault: the arithmetic on its samples, and how close is close enough.

The limits are wider than a quiet machine needs (Toxiproxy is less than 1 ms late), because the lab may share two cores
with everything it measures. They never exceed half of the effect, so a toxic that was not applied never passes.

A link with a fault is probed ten times a second, one whose fault comes and goes twenty times. A probe of the database
is a session of its own and costs it 10 ms of CPU time: at ten a second that is a tenth of a core for each twin, at
twenty it would be a load that shows in what is measured. Ten a second are 12 probes in a third of the shortest fault
(half of eight seconds, S11), and 26 in most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from lab.judge.statistics import quantile
from lab.lazily import np
from lab.model import BASELINE, FAULT, RECOVERY, LinkSample, Proof, longer, percent, thirds

SAMPLES_MIN = (
    5  # of a part of a fault that comes and goes; of any other, lab.judge.gates.proofs asks for more
)
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.9  # quantiles
# How much later than asked half and nine tenths of the answers may come: in ms, and as a share of what was asked. In 93
# runs on two cores they came up to 6 and 16 ms later.
LATER = ((MIDDLE, 50.0, 0.25), (HIGH, 100.0, 0.5))
ANSWERED_MIN = 0.8
DELAY_SLACK_MS = 15.0
DELAY_SLACK_SHARE = 0.15
EFFECT_SHARE_MAX = 0.5  # of the effect: no slack is larger
REFUSED_SHARE_MIN = 0.9  # a probe that a busy machine delays before its connect may fall outside the fault

WELL_SLACK_MS = 25.0  # well below the 45 ms that a fault may leave behind
WELL_SLACK_SHARE = 0.5  # of the baseline
WELL_ANSWERED_MIN = 0.95
WELL_SAMPLES = 8  # a third of the time after healing has more, unless the recovery is short

LARGER = (
    "So small an effect can hardly be told from what a busy machine does: enlarge the fault (bin/lab show prints its "
    "parameters for --set), or run it again on a quiet machine."
)

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
    for phase, when, samples in ((BASELINE, "before the fault", before), (FAULT, "during it", during)):
        if len(samples) < SAMPLES_MIN:
            return few(len(samples), SAMPLES_MIN, f"there were only {len(samples)} probes {when}", phase)
    return None


def few(count: int, least: int, sentence: str, phase: str, unit: str = "probes") -> Proof:
    """The failed proof of a phase that was too short for it."""
    told = f"{sentence}; at least {least} are needed"
    return Proof(proved=False, value=count, limit=least, unit=unit, sentence=told, step=longer(phase))


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
    usual_ms, most_ms = max(slack_ms, slack_share * expected_ms), EFFECT_SHARE_MAX * expected_ms
    slack_ms = min(usual_ms, most_ms)
    if not math.isfinite(grown_ms):
        return _unanswered(
            during, reading, f"{what}, which was expected {expected_ms:.0f} ms later than before"
        )
    off_ms = abs(grown_ms - expected_ms)
    return Proof(
        proved=off_ms <= slack_ms,
        value=off_ms,
        limit=slack_ms,
        unit="ms off",
        sentence=f"{what} came {grown_ms:.1f} ms later than before; {expected_ms:.0f} ms were expected{why}",
        exceeds=grown_ms > expected_ms + slack_ms,
        step=LARGER if most_ms < usual_ms else "",
    )


def _unanswered(samples: Sequence[LinkSample], reading: Reading, what: str) -> Proof:
    share = sum(not sample.error and reading(sample) is not None for sample in samples) / len(samples)
    sentence = f"only {percent(share)} of the probes got {what}"
    return Proof(proved=False, value=share, limit=ANSWERED_MIN, unit="share", sentence=sentence)


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
        return Proof(proved=False, value=sound, limit=REFUSED_SHARE_MIN, unit="share", sentence=sentence)
    return Proof(proved=share >= share_min, value=share, limit=share_min, unit="share", sentence=sentence)


def connected(sample: LinkSample) -> bool:
    """The TCP handshake succeeded, so the silence that follows is not that of a closed port."""
    return sample.connect_ms is not None


def link_healed(before: Sequence[LinkSample], after: Sequence[LinkSample]) -> Proof:
    """Whether probes are answered as before the fault: without errors, and in each third of the time as fast.

    However large the fault was, nothing of it may remain. A twin that works off its backlog delays most probes, but not
    the fastest twentieth: in 21 quick runs it was back within 2.4 ms in each of 96 thirds, and the median within 22 ms.
    """
    for phase, when, samples in ((BASELINE, "before the fault", before), (RECOVERY, "after healing", after)):
        if len(samples) < WELL_SAMPLES:
            return few(len(samples), WELL_SAMPLES, f"there were only {len(samples)} probes {when}", phase)
    answered = sum(not sample.error for sample in after) / len(after)
    if answered < WELL_ANSWERED_MIN:
        sentence = f"{percent(answered)} of {len(after)} probes were answered after healing"
        return Proof(proved=False, value=answered, limit=WELL_ANSWERED_MIN, unit="share", sentence=sentence)
    base_ms = _answer_ms(before)
    well_ms = max(_answer_ms(third) for third in thirds(after, WELL_SAMPLES))
    limit_ms = max(WELL_SLACK_MS, WELL_SLACK_SHARE * base_ms)
    return Proof(
        proved=well_ms - base_ms <= limit_ms,
        value=well_ms - base_ms,
        limit=limit_ms,
        unit="ms",
        sentence=f"a probe took {base_ms:.1f} ms before the fault, and {well_ms:.1f} ms in the slowest third of the "
        "time after healing",
    )


def _answer_ms(samples: Sequence[LinkSample]) -> float:
    """The fastest twentieth of those that were answered."""
    return _below([sample.last_byte_ms for sample in samples if sample.last_byte_ms is not None], LOW)


def _below(values: Sequence[float], share: float) -> float:
    """The quantile `share` of `values`; infinite if there are none."""
    return quantile(np.array(values), share) if values else math.inf
