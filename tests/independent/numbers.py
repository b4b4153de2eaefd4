"""What happened to a twin, phase by phase."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from typing import Any

from tests.independent.folder import (
    FAILED,
    NEVER_SENT,
    NO_FAILURE,
    OK,
    READINESS,
    REFUSED,
    UNKNOWN,
    WRONG,
    Request,
    Row,
    Run,
    Twin,
)

CONFLICTS = (409, 412)
ENDINGS = ("good", "late", "conflict", "refused", "failed", "unknown", "wrong")
HEALTHY_FOR_S, PER_BIN = 5, 15  # so long without an ill bin; so many planned requests has a bin


def of_phase(run: Run, twin: Twin, phase: str) -> Row:
    start_s, end_s = run.window(phase)
    asked = due(of_users(twin.requests), start_s, end_s)
    good = sum(is_good(request, run.within_ms) for request in asked)
    served = sum(is_served(request, run.within_ms) for request in asked)
    endings = Counter(ending(request, run.within_ms) for request in asked)
    counted = statements(twin.metrics, start_s, end_s)
    return {
        "planned": len(asked),
        "good_ratio": good / len(asked) if asked else None,
        "goodput_rps": good / (end_s - start_s) if end_s > start_s else None,
        "p50_ms": told_quantile(asked, 0.5),
        "p95_ms": told_quantile(asked, 0.95),
        "p99_ms": told_quantile(asked, 0.99),
        "endings": {word: endings[word] for word in ENDINGS},
        "statements_per_request": counted[0] if counted else None,
        "served_ratio": served / len(asked) if asked else None,
    }


def of_run(run: Run, twin: Twin) -> Row:
    lags_ms = [(request.sent_s - request.due_s) * 1000 for request in twin.requests if was_sent(request)]
    return {
        "time_to_recover_s": time_to_recover(run, twin) if windows(run, twin) else None,
        "lost_good_s": lost_good(run, twin),
        "cpu_ms_per_request": cpu_ms_per_request(run, twin),
        "schedule_lag_p99_ms": quantile(lags_ms, 0.99) if lags_ms else None,
    }


def of_users(requests: list[Request]) -> list[Request]:
    return [request for request in requests if request.op != READINESS]


def due(requests: list[Request], start_s: float, end_s: float) -> list[Request]:
    return [request for request in requests if start_s <= request.due_s < end_s]


def was_sent(request: Request) -> bool:
    return request.sent_s is not None and request.sent_s >= request.started_s


def is_good(request: Request, within_ms: float) -> bool:
    return request.right and request.waited_ms <= within_ms


def is_served(request: Request, within_ms: float) -> bool:
    """Good, or told of a conflict in time."""
    conflict = request.outcome == REFUSED and request.status in CONFLICTS
    return is_good(request, within_ms) or (conflict and request.waited_ms <= within_ms)


def ending(request: Request, within_ms: float) -> str:
    if request.flags & WRONG:
        return "wrong"
    if request.outcome == OK:
        return "good" if request.waited_ms <= within_ms else "late"
    if request.outcome == REFUSED:
        return "conflict" if request.status in CONFLICTS else "refused"
    return "failed" if request.outcome == FAILED else "unknown"


def outcome(request: Request, answered: Any) -> int:
    """What a client may believe, by the table of the contract."""
    if request.failure in NEVER_SENT:
        return REFUSED
    read = request.arrival["method"] == "GET"
    lost = FAILED if read else UNKNOWN
    if request.failure != NO_FAILURE:
        return lost
    if 200 <= request.status < 300:
        return OK
    told = isinstance(answered, dict) and answered.get("effect") == "none"
    refused = told or 400 <= request.status < 500 or (request.status == 503 and read)
    return REFUSED if refused else lost


def quantile(values: list[float], q: float) -> float:
    rank = max(math.ceil(q * len(values) - 1e-9), 1)
    return sorted(values)[rank - 1]


def right_after_ms(requests: list[Request]) -> list[float]:
    """How long each waited for a right answer."""
    return [request.waited_ms if request.right else math.inf for request in requests]


def told_quantile(requests: list[Request], q: float) -> float | None:
    return quantile(right_after_ms(requests), q) if len(requests) >= carried_by(q) else None


def carried_by(q: float) -> int:
    """72 requests for p95, 368 for p99: of fewer, all may lie on one side of it by chance."""
    return math.ceil(math.log(0.025) / math.log(q)) if 0 < q < 1 else 1


def windows(run: Run, twin: Twin) -> list[tuple[int, float, float]]:
    """(fault, on, off): from the answer to the injection until the healing was asked for."""
    found = []
    for number, fault in enumerate(run.scenario["faults"]):
        if fault["type"] == "Surge":
            switches = [each for each in run.manifest["switches"] if each["fault"] == number]
            found += [(number, on["at_s"], off["at_s"]) for on, off in pairwise(switches) if on["on"]]
            continue
        mine = [event for event in twin.events if event.get("fault") == number]
        switched = [event for event in mine if event["type"] == "Switched"]
        found += [
            (number, on["after_s"], off["before_s"]) for on, off in pairwise(switched) if on["on"] > off["on"]
        ]
        heals_s = min([run.window("fault")[1], *(event["before_s"] for event in switched)])
        found += [(number, event["after_s"], heals_s) for event in mine if event["type"] == "Performed"]
    return found


def healed_s(run: Run, twin: Twin) -> float:
    return max((off for _, _, off in windows(run, twin)), default=run.window("fault")[1])


def baseline_ratio(run: Run, twin: Twin) -> float:
    asked = due(of_users(twin.requests), *run.window("baseline"))
    return sum(is_served(request, run.within_ms) for request in asked) / len(asked) if asked else math.nan


def time_to_recover(run: Run, twin: Twin) -> float | None:
    """From the last healing to the first bin of five healthy seconds in a row; None if nothing can be said."""
    bin_s = max(1, math.ceil(PER_BIN / run.scenario["load"]["rate_rps"]))
    needed = math.ceil(HEALTHY_FOR_S / bin_s)
    asked = of_users(twin.requests)
    before = due(asked, *run.window("baseline"))
    if not before or sum(is_served(request, run.within_ms) for request in before) / len(before) < 0.5:
        return None
    well = healthy_bins(run, asked, healed_s(run, twin), bin_s)
    if len(well) < needed:
        return None
    firsts = (first for first in range(len(well) - needed + 1) if all(well[first : first + needed]))
    return next((float(first * bin_s) for first in firsts), math.inf)


def healthy_bins(run: Run, asked: list[Request], start_s: float, bin_s: float) -> list[bool]:
    """As good as the worst second of the baseline, less 2 points, give or take one request; and about as fast."""
    begun_s, broken_s = run.window("baseline")
    until_s = broken_s - run.within_ms / 1000  # what was due later may have met the fault
    base = due(asked, begun_s, until_s)
    before = served_in(run, base, begun_s, until_s, bin_s)
    edges = bin_edges(begun_s, until_s, bin_s)
    seconds = [(end_s - from_s, *one) for from_s, end_s, one in zip(edges, edges[1:], before, strict=False)]
    whole = [(planned, served) for length_s, planned, served in seconds if planned and length_s >= bin_s]
    shares = [served / planned for planned, served in whole or before if planned]
    least = max(min(shares) - 0.02, 0.5)
    slowest_ms = max(1.5 * median_of_good(run, base), run.within_ms / 4)
    end_s = run.window("recovery")[1]
    found = []
    edges = bin_edges(start_s, end_s, bin_s)
    counts = served_in(run, asked, start_s, end_s, bin_s)
    for (planned, served), from_s, to_s in zip(counts, edges, edges[1:], strict=False):
        good_enough = planned > 0 and served + 1 >= least * planned
        median_ms = median_of_good(run, due(asked, from_s, to_s))
        found.append(good_enough and not median_ms > slowest_ms)
    return found


def median_of_good(run: Run, requests: list[Request]) -> float:
    good_ms = [request.waited_ms for request in requests if is_good(request, run.within_ms)]
    return quantile(good_ms, 0.5) if good_ms else math.nan


def bin_edges(start_s: float, end_s: float, bin_s: float) -> list[float]:
    """The last bin may be shorter."""
    count = math.ceil((end_s - 1e-9 - start_s) / bin_s)
    return [*(start_s + bin_s * number for number in range(count)), end_s]


def served_in(
    run: Run, asked: list[Request], start_s: float, end_s: float, bin_s: float
) -> list[tuple[int, int]]:
    """(planned, served) of each bin."""
    return binned(
        asked, [is_served(request, run.within_ms) for request in asked], bin_edges(start_s, end_s, bin_s)
    )


def binned(asked: list[Request], hits: list[bool], edges: list[float]) -> list[tuple[int, int]]:
    counts = [[0, 0] for _ in edges[1:]]
    for request, hit in zip(asked, hits, strict=True):
        number = bisect_right(edges, request.due_s) - 1
        if 0 <= number < len(counts):
            counts[number][0] += 1
            counts[number][1] += hit
    return [(planned, hit) for planned, hit in counts]


def lost_good(run: Run, twin: Twin) -> float:
    """Outage in seconds: how far each second fell short of the baseline's served ratio."""
    base = baseline_ratio(run, twin)
    if not base > 0:
        return 0.0
    asked = of_users(twin.requests)
    edges = bin_edges(run.window("fault")[0], run.window("recovery")[1], 1)
    seconds = binned(asked, [is_served(request, run.within_ms) for request in asked], edges)
    return sum(
        max(0.0, 1 - served / planned / base) * (until_s - from_s)
        for from_s, until_s, (planned, served) in zip(edges, edges[1:], seconds, strict=False)
        if planned
    )


def cpu_ms_per_request(run: Run, twin: Twin) -> float | None:
    """Of the service in the baseline, by the readings nearest to its edges."""
    read = [
        (event["at_s"], event["cpu_s"])
        for event in twin.events
        if event["type"] == "CpuRead" and event["cpu_s"] is not None
    ]
    if len(read) < 2:
        return None
    (first_s, first), (last_s, last) = (
        min(read, key=lambda one: abs(one[0] - edge)) for edge in run.window("baseline")
    )
    answered = [request for request in due(twin.requests, first_s, last_s) if request.failure == NO_FAILURE]
    return 1000 * (last - first) / len(answered) if answered else None


def statements(
    metrics: list[Row], start_s: float, end_s: float, route: str = ""
) -> tuple[float, float] | None:
    """(SQL statements per request, requests), from the last reading before a window to the first after it."""
    totals = [0.0, 0.0]
    for member in sorted({reading["member"] for reading in metrics}):
        read = [reading for reading in metrics if reading["ok"] and reading["member"] == member]
        if len(read) < 2:
            continue
        first = max((r["at_s"] for r in read if r["at_s"] <= start_s), default=read[0]["at_s"])
        last = min((r["at_s"] for r in read if r["at_s"] >= end_s), default=read[-1]["at_s"])
        inside = [r["samples"] for r in read if first <= r["at_s"] <= last]
        for place, name in enumerate(("sql_statements_total", "http_requests_total")):
            counts = [counter(samples, name, route) for samples in inside]
            totals[place] += sum(b - a if b >= a else b for a, b in pairwise(counts))
    return (totals[0] / totals[1], totals[1]) if totals[1] > 0 else None


def counter(samples: Row, name: str, route: str) -> float:
    label = f'route="{route}"'
    return sum(
        value
        for series, value in samples.items()
        if series.split("{")[0] == name and (not route or label in series)
    )
