"""Numbers from request records: pure functions that the checks, the judge and the figures share.

A request belongs to the phase of its intended instant, and latency counts from there. Ratios are over all planned
requests, and a request without a right answer counts as infinitely late, so that failing fast does not look fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from lab.lazily import np
from lab.model import Ending, Evidence, Failure, MetricsReading, Outcome

if TYPE_CHECKING:  # checks are looked at more often than they judge, and numpy takes its time to load
    from numpy.typing import NDArray

Requests: TypeAlias = "NDArray[Any]"  # lab.record.REQUEST, times in seconds from T0
Mask: TypeAlias = "NDArray[np.bool_]"
Numbers: TypeAlias = "NDArray[np.float64]"

READINESS = "readyz"  # the operation with which a load balancer asks whether to send requests here
WRONG_BODY = 2  # bit of `flags`
CONFLICTS = (409, 412)
TRY_AGAIN = (502, 503, 504)
BIN_S = 1.0
BOUND = 0.025  # how often a bound may be wrong: both sides of a 95 % interval


def ratio_interval(requests: Requests, mask: Mask) -> tuple[float, float]:
    """Where the share of `mask` may lie, with 95 % confidence: from how much it differs from second to second.

    Requests in the same second are correlated, so they count together (ratio estimate over blocks of 1 s, Student's t).
    """
    seconds = np.floor(requests["intended"] - requests["intended"].min()).astype(np.int64)
    planned = np.bincount(seconds).astype(np.float64)
    hit = np.bincount(seconds, weights=mask, minlength=len(planned))[planned > 0]
    planned, share = planned[planned > 0], float(mask.mean())
    if (blocks := len(planned)) < 2:
        return 0.0, 1.0
    spread = float(((hit - share * planned) ** 2).sum()) * blocks / (blocks - 1)
    off = _student(blocks - 1) * math.sqrt(spread) / float(planned.sum())
    return max(0.0, share - off), min(1.0, share + off)


def _student(freedom: int) -> float:
    """Student's t at 97.5 %: Cornish-Fisher, within 1 % from 3 degrees of freedom on."""
    few = {1: 12.706, 2: 4.303}
    return few.get(freedom) or 1.96 + 2.372 / freedom + 2.823 / freedom**2 + 2.6 / freedom**3


def between(requests: Requests, start_s: float, end_s: float) -> Requests:
    """The requests planned in [start, end)."""
    chosen: Requests = requests[(requests["intended"] >= start_s) & (requests["intended"] < end_s)]
    return chosen


def of_ops(requests: Requests, names: Sequence[str], ops: Sequence[str] = ()) -> Requests:
    """The requests of the operations `ops`; `names` are the names of the `op` column.

    Without `ops`, all but the readiness probes: their answers are not good or bad but true or false, and a service that
    says it is ready while it serves nobody has served nobody. `TruthfulReadiness` judges them.
    """
    numbers = [number for number, name in enumerate(names) if (name in ops if ops else name != READINESS)]
    chosen: Requests = requests[np.isin(requests["op"], numbers)]
    return chosen


def asked(evidence: Evidence) -> Requests:
    """All requests of a twin but the readiness probes."""
    return evidence.once(_asked)


def _asked(evidence: Evidence) -> Requests:
    return of_ops(evidence.requests, evidence.ops)


def distinct(requests: Requests) -> int:
    """How many different requests there are among these records."""
    numbers = np.sort(requests["i"])
    return int(np.count_nonzero(numbers[1:] != numbers[:-1])) + bool(numbers.size)


def latency_ms(requests: Requests) -> Numbers:
    """Milliseconds from the intended instant to the end, however the request ended."""
    return np.asarray((requests["end"] - requests["intended"]) * 1000, dtype=np.float64)


def schedule_lag_ms(requests: Requests) -> Numbers:
    """Milliseconds from the intended instant to the first byte sent, for the requests that were sent."""
    sent = requests[is_sent(requests)]
    return np.asarray((sent["sent"] - sent["intended"]) * 1000, dtype=np.float64)


def is_sent(requests: Requests) -> Mask:
    """A request that was never sent has no valid instant of sending: it lies before its start, or is not a number."""
    return np.asarray(requests["sent"] >= requests["started"], dtype=np.bool_)


def is_answered(requests: Requests) -> Mask:
    """An HTTP answer came, of any status."""
    return np.asarray(requests["failure"] == Failure.NONE, dtype=np.bool_)


def is_settled(requests: Requests) -> Mask:
    """Answered, and not by a status that says "try again"."""
    return is_answered(requests) & ~np.isin(requests["status"], TRY_AGAIN)


def is_wrong(requests: Requests) -> Mask:
    """A success with the wrong body."""
    return np.asarray((requests["flags"] & WRONG_BODY) != 0, dtype=np.bool_)


def is_right(requests: Requests) -> Mask:
    """Acknowledged, with the right body."""
    return np.asarray((requests["outcome"] == Outcome.OK) & ~is_wrong(requests), dtype=np.bool_)


def is_good(requests: Requests, within_ms: float) -> Mask:
    """Right and in time: the numerator of the SLI."""
    return is_right(requests) & (latency_ms(requests) <= within_ms)


def is_conflict(requests: Requests) -> Mask:
    """Answered that somebody else was first (409, 412), or that there is not enough (409)."""
    refused = requests["outcome"] == Outcome.REFUSED
    return np.asarray(refused & np.isin(requests["status"], CONFLICTS), dtype=np.bool_)


def is_sound(requests: Requests, within_ms: float) -> Mask:
    """Good, or a conflict told in time: what a healthy service answers."""
    return is_good(requests, within_ms) | (is_conflict(requests) & (latency_ms(requests) <= within_ms))


def ratio(mask: Mask) -> float:
    """The share of true in `mask`; not a number if it is empty."""
    return float(mask.mean()) if mask.size else math.nan


def quantile(values: Numbers, q: float) -> float:
    """The smallest value that at least the share `q` of `values` does not exceed; not a number if there are none."""
    if not values.size:
        return math.nan
    rank = max(math.ceil(q * values.size - 1e-9), 1)
    return float(np.partition(values, rank - 1)[rank - 1])


def carried_by(q: float) -> int:
    """How many requests it takes to say something about the share `q` of them: 72 for 95 %, 368 for 99 %.

    With fewer, all of them may lie on one side of the quantile by chance, and no upper bound of it exists.
    """
    return math.ceil(math.log(BOUND) / math.log(q)) if 0 < q < 1 else 1


def censored_ms(requests: Requests) -> Numbers:
    """Latencies, infinite for a request without a right answer."""
    return np.where(is_right(requests), latency_ms(requests), np.inf)


def per_bin(
    requests: Requests, mask: Mask, start_s: float, end_s: float, bin_s: float = BIN_S
) -> tuple[Numbers, Numbers]:
    """How many requests were planned in each bin of [start, end), and how many of these are in `mask`.

    The last bin may be shorter.
    """
    edges = bin_edges(start_s, end_s, bin_s)
    planned, _ = np.histogram(requests["intended"], bins=edges)
    hit, _ = np.histogram(requests["intended"][mask], bins=edges)
    return planned.astype(np.float64), hit.astype(np.float64)


def bin_edges(start_s: float, end_s: float, bin_s: float = BIN_S) -> Numbers:
    return np.append(np.arange(start_s, end_s - 1e-9, bin_s), end_s)


def lost_good_s(
    requests: Requests, within_ms: float, base_ratio: float, start_s: float, end_s: float
) -> float:
    """Outage in seconds: how far each second of [start, end) fell short of the baseline's served ratio, added up.

    Served, not good: how many conflicts there are is chance, and nobody's outage.
    """
    planned, served = per_bin(requests, is_sound(requests, within_ms), start_s, end_s)
    seen = planned > 0
    if not base_ratio > 0:
        return 0.0
    short = np.maximum(1 - served[seen] / planned[seen] / base_ratio, 0)
    return float((short * np.diff(bin_edges(start_s, end_s))[seen]).sum())


def endings(requests: Requests, within_ms: float) -> NDArray[np.uint8]:
    """How each request ended: the first Ending that fits."""
    fits = {
        Ending.WRONG: is_wrong(requests),
        Ending.GOOD: is_good(requests, within_ms),
        Ending.LATE: is_right(requests),
        Ending.CONFLICT: is_conflict(requests),
        Ending.REFUSED: requests["outcome"] == Outcome.REFUSED,
        Ending.FAILED: requests["outcome"] == Outcome.FAILED,
    }
    return np.select(list(fits.values()), list(fits), Ending.UNKNOWN).astype(np.uint8)


def ending_counts(requests: Requests, within_ms: float) -> Mapping[str, int]:
    """How many requests ended in each way, by the word for it."""
    counts = np.bincount(endings(requests, within_ms), minlength=len(Ending))
    return {ending.word: int(counts[ending]) for ending in Ending if ending is not Ending.UNRECORDED}


def counter(samples: Mapping[str, float], name: str, **labels: str) -> float:
    """The sum of a Prometheus counter over all its series that carry `labels`."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for series, value in samples.items()
        if series.partition("{")[0] == name and all(pair in series for pair in wanted)
    )


def statements_per_request(
    metrics: Sequence[MetricsReading], start_s: float, end_s: float, **labels: str
) -> tuple[float, float] | None:
    """(SQL statements per request, requests) between the last reading before `start_s` and the first after `end_s`.

    A failed reading is skipped: under a fault, a twin often cannot serve its metrics. None if no two readings of a
    replica are left.
    """
    totals = {"sql_statements_total": 0.0, "http_requests_total": 0.0}
    for member in {reading.member for reading in metrics}:
        readings = [reading for reading in metrics if reading.ok and reading.member == member]
        if len(readings) < 2:
            continue
        first_s = max((r.at_s for r in readings if r.at_s <= start_s), default=readings[0].at_s)
        last_s = min((r.at_s for r in readings if r.at_s >= end_s), default=readings[-1].at_s)
        between = [reading for reading in readings if first_s <= reading.at_s <= last_s]
        for name in totals:
            totals[name] += increase([counter(reading.samples, name, **labels) for reading in between])
    statements, requests = totals["sql_statements_total"], totals["http_requests_total"]
    return (statements / requests, requests) if requests > 0 else None


def increase(values: Sequence[float]) -> float:
    """How much a counter grew over these readings; after a restart it counts from zero."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))
