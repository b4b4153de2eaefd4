"""What happened to a twin, phase by phase."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from typing import Any

from tests.independent.folder import (
    NO_FAILURE,
    OK,
    READINESS,
    REFUSED,
    TIMEOUTS,
    UNKNOWN,
    WRONG,
    Request,
    Row,
    Run,
    Twin,
)

CONFLICT = 409
ENDINGS = ("good", "late", "refused", "unknown", "timeout", "wrong")


def of_phase(run: Run, twin: Twin, phase: str) -> Row:
    start_s, end_s = run.window(phase)
    asked = due(of_users(twin.requests), start_s, end_s)
    good = sum(is_good(request, run.within_ms) for request in asked)
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
    conflict = request.outcome == REFUSED and request.status == CONFLICT
    return is_good(request, within_ms) or (conflict and request.waited_ms <= within_ms)


def ending(request: Request, within_ms: float) -> str:
    if request.flags & WRONG:
        return "wrong"
    if request.outcome == OK:
        return "good" if request.waited_ms <= within_ms else "late"
    if request.outcome == REFUSED:
        return "refused"
    return "timeout" if request.failure in TIMEOUTS else "unknown"


def outcome(request: Request, answered: Any) -> int:
    """What a client may believe, by the table of the contract."""
    if request.failure in (1, 2, 8):
        return REFUSED
    if request.failure != NO_FAILURE:
        return UNKNOWN
    if 200 <= request.status < 300:
        return OK
    told = isinstance(answered, dict) and answered.get("effect") == "none"
    unavailable_read = request.status == 503 and request.arrival["method"] == "GET"
    return REFUSED if told or 400 <= request.status < 500 or unavailable_read else UNKNOWN


def quantile(values: list[float], q: float) -> float:
    rank = max(math.ceil(q * len(values) - 1e-9), 1)
    return sorted(values)[rank - 1]


def right_after_ms(requests: list[Request]) -> list[float]:
    """How long each waited for a right answer."""
    return [request.waited_ms if request.right else math.inf for request in requests]


def told_quantile(requests: list[Request], q: float) -> float | None:
    return quantile(right_after_ms(requests), q) if len(requests) >= carried_by(q) else None


def carried_by(q: float) -> int:
    return math.ceil(1 / (1 - q) - 1e-9)


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
    return sum(is_good(request, run.within_ms) for request in asked) / len(asked) if asked else math.nan


def time_to_recover(run: Run, twin: Twin) -> float | None:
    """From the last healing until every later second is at least 90 % good; None if there is nothing to recover to."""
    start_s, end_s = healed_s(run, twin), run.window("recovery")[1]
    if not baseline_ratio(run, twin) >= 0.9:
        return None
    healthy = [good >= 0.9 * planned for planned, good in per_second(run, twin, start_s, end_s)]
    ill = [second for second, well in enumerate(healthy) if not well]
    first = ill[-1] + 1 if ill else 0
    return float(first) if len(healthy) - first >= 3 else math.inf


def per_second(run: Run, twin: Twin, start_s: float, end_s: float) -> list[tuple[int, int]]:
    """(planned, good) of each whole second."""
    edges = [start_s + second for second in range(int(end_s - start_s + 1e-9) + 1)]
    counts = [[0, 0] for _ in edges[1:]]
    for request in of_users(twin.requests):
        second = bisect_right(edges, request.due_s) - 1
        if 0 <= second < len(counts):
            counts[second][0] += 1
            counts[second][1] += is_good(request, run.within_ms)
    return [(planned, good) for planned, good in counts]


def lost_good(run: Run, twin: Twin) -> float:
    """Outage in seconds: how far each second fell short of the baseline's good ratio."""
    base = baseline_ratio(run, twin)
    if not base > 0:
        return 0.0
    seconds = per_second(run, twin, run.window("fault")[0], run.window("recovery")[1])
    return sum(max(0.0, 1 - good / planned / base) for planned, good in seconds if planned)


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
