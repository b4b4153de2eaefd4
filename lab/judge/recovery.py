"""When a twin is healthy again after a fault: by its own baseline, second by second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab.judge.statistics import (
    Mask,
    Numbers,
    asked,
    between,
    bin_edges,
    is_good,
    is_sound,
    latency_ms,
    per_bin,
    quantile,
    ratio,
)
from lab.lazily import np
from lab.model import BASELINE, FAULT, RECOVERY, Evidence, Window

HEALTHY_FOR_S = 5.0  # a twin that is healthy for this long without a break has recovered
PER_BIN = 15  # planned requests at least: with fewer, each one would weigh too much
SHORT_OF_BASELINE = 0.02  # a share this far below that of the baseline's worst second is still healthy
SLOWER = 1.5  # so is a median this many times that of the baseline …
SHARE_OF_LIMIT = 0.25  # … or within this share of what the load allows
BASELINE_LEAST = 0.5  # below it there is no healthy state to recover to
Q = 0.5  # a second holds 15 to 40 requests, too few for a tail; what is too late is not good anyway


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """`took_s`: from the last healing to the first of HEALTHY_FOR_S healthy seconds in a row; infinite if none.

    `why_unknown`: why recovery cannot be judged, else "". `ill_later_s`: for how long it was unhealthy after that.
    """

    took_s: float = math.inf
    seen_s: float = 0.0  # from the last healing to the end of the load
    ill_later_s: float = 0.0
    bin_s: float = 1.0
    why_unknown: str = ""


def recovery(evidence: Evidence) -> Recovery:
    """How a twin came back after the last fault; without a fault, after the fault phase."""
    return evidence.once(_recovery)


def _recovery(evidence: Evidence) -> Recovery:
    healed_s = max(
        (window.off_s for window in evidence.fault_windows), default=evidence.phases.window(FAULT)[1]
    )
    end_s = evidence.phases.window(RECOVERY)[1]
    bin_s = float(max(1, math.ceil(PER_BIN / evidence.load.rate_rps)))
    needed = math.ceil(HEALTHY_FOR_S / bin_s)
    if not sound_share(evidence) >= BASELINE_LEAST:
        return Recovery(why_unknown="There is no healthy state to recover to: the baseline was not healthy.")
    healthy = _healthy(evidence, healed_s, end_s, bin_s)
    if len(healthy) < needed:
        return Recovery(
            why_unknown=f"The recovery phase of {end_s - healed_s:.1f} s is too short to see "
            f"{needed * bin_s:g} healthy seconds."
        )
    first = _first_run(healthy, needed)
    if first is None:
        return Recovery(seen_s=end_s - healed_s, bin_s=bin_s)
    ill_later_s = bin_s * float((~healthy[first:]).sum())
    return Recovery(took_s=first * bin_s, seen_s=end_s - healed_s, ill_later_s=ill_later_s, bin_s=bin_s)


def sound_share(evidence: Evidence) -> float:
    """How much of the baseline was served."""
    planned = between(asked(evidence), *evidence.phases.window(BASELINE))
    return ratio(is_sound(planned, evidence.load.good_within_ms))


def _healthy(evidence: Evidence, start_s: float, end_s: float, bin_s: float) -> Mask:
    """For each bin, whether it is as good and about as fast as the baseline; one request fewer is still as good."""
    requests, within_ms = asked(evidence), evidence.load.good_within_ms
    base_s = _baseline(evidence)
    sound = is_sound(requests, within_ms)
    least = _least_share(
        *per_bin(requests, sound, *base_s, bin_s), np.diff(bin_edges(*base_s, bin_s)) >= bin_s
    )
    slowest_ms = max(SLOWER * float(_typical_ms(evidence, base_s)[0]), SHARE_OF_LIMIT * within_ms)
    planned, good = per_bin(requests, sound, start_s, end_s, bin_s)
    typical_ms = _typical_ms(evidence, bin_edges(start_s, end_s, bin_s))
    return (planned > 0) & (good + 1 >= least * planned) & ~(typical_ms > slowest_ms)


def _least_share(planned: Numbers, good: Numbers, whole: Mask) -> float:
    """The least share of a healthy bin: just below the baseline's worst, but never below BASELINE_LEAST, however bad
    that was. The baseline's last bin, which may be too short to judge, counts only if there is no other."""
    there = planned > 0
    there = there & whole if (there & whole).any() else there
    return max(float((good[there] / planned[there]).min()) - SHORT_OF_BASELINE, BASELINE_LEAST)


def _baseline(evidence: Evidence) -> Window:
    """The baseline without its end, where requests may have met the fault; all of it if that leaves none."""
    start_s, end_s = evidence.phases.window(BASELINE)
    early_s = end_s - evidence.load.good_within_ms / 1000
    return (start_s, early_s) if len(between(asked(evidence), start_s, early_s)) else (start_s, end_s)


def _typical_ms(evidence: Evidence, edges: Sequence[float] | Numbers) -> Numbers:
    """The median latency of the good answers to what was planned from each edge to the next."""
    requests = asked(evidence)
    good = requests[is_good(requests, evidence.load.good_within_ms)]
    good = good[np.argsort(good["intended"], kind="stable")]
    parts = np.split(latency_ms(good), np.searchsorted(good["intended"], edges))
    return np.array([quantile(part, Q) for part in parts[1:-1]])


def _first_run(healthy: Mask, needed: int) -> int | None:
    """Where `needed` healthy bins in a row begin."""
    for first in range(len(healthy) - needed + 1):
        if healthy[first : first + needed].all():
            return first
    return None
