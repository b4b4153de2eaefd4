"""Checks of requests: (verdict, value) of each, by the thresholds in the manifest."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.independent.folder import NO_FAILURE, READINESS, UNKNOWN, WRONG, Request, Row, Run, Twin
from tests.independent.numbers import (
    baseline_ratio,
    carried_by,
    due,
    healed_s,
    is_good,
    of_users,
    quantile,
    right_after_ms,
    statements,
    time_to_recover,
    windows,
)

HELD, BROKEN, OPEN = "held", "broken", "inconclusive"
Found = tuple[str, float | None]
NOTHING: Found = (OPEN, None)
FEWEST = 20


def asked_in_phase(run: Run, twin: Twin, check: Row) -> list[Request]:
    wanted = check["ops"]
    requests = [each for each in twin.requests if each.op in wanted] if wanted else of_users(twin.requests)
    return due(requests, *run.window(check["phase"]))


def decided(well: bool, value: float) -> Found:
    return (HELD if well else BROKEN), value


def good_ratio(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    if len(asked) < FEWEST:
        return NOTHING
    share = sum(is_good(request, run.within_ms) for request in asked) / len(asked)
    return decided(share >= check["at_least"], share)


def answers_within(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    if len(asked) < FEWEST:
        return NOTHING
    slowest_ms = max(request.waited_ms if request.failure == NO_FAILURE else math.inf for request in asked)
    return decided(slowest_ms <= check["at_most_ms"], slowest_ms)


def clean_refusals(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    if len(asked) < FEWEST:
        return NOTHING
    doubtful = sum(request.outcome == UNKNOWN or bool(request.flags & WRONG) for request in asked)
    return decided(doubtful / len(asked) <= check["at_most"], doubtful / len(asked))


def latency_quantile(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    if len(asked) < max(FEWEST, carried_by(check["quantile"])):
        return NOTHING
    found_ms = quantile(right_after_ms(asked), check["quantile"])
    return decided(found_ms <= check["at_most_ms"], found_ms)


def recovers_within(run: Run, twin: Twin, check: Row) -> Found:
    seen_s = run.window("recovery")[1] - healed_s(run, twin)
    if not baseline_ratio(run, twin) >= 0.9 or seen_s < max(check["at_most_s"], 3):
        return NOTHING
    took_s = time_to_recover(run, twin)
    return NOTHING if took_s is None else decided(took_s <= check["at_most_s"], took_s)


def statements_per_request(run: Run, twin: Twin, check: Row) -> Found:
    counted = statements(twin.metrics, *run.window("fault"), check["route"])
    if counted is None or counted[1] < 10:
        return NOTHING
    return decided(counted[0] <= check["at_most"], counted[0])


def truthful_readiness(run: Run, twin: Twin, check: Row) -> Found:
    """ "Ready" long after the injection is false, unless it came after healing; so is "not ready" at the end."""
    probes = [request for request in twin.requests if request.op == READINESS]
    during = [
        probe
        for _, on_s, off_s in windows(run, twin)
        for probe in due(probes, on_s + check["at_most_s"], off_s)
        if not (probe.status == 200 and probe.end_s > off_s)
    ]
    last = due(probes, *run.window("recovery"))[-3:]
    if min(len(during), len(last)) < 3:
        return NOTHING
    false = sum(probe.status == 200 for probe in during) + sum(probe.status != 200 for probe in last)
    return decided(not false, false)


SLOS: dict[str, Callable[[Run, Twin, Row], Found]] = {
    "GoodRatio": good_ratio,
    "AnswersWithin": answers_within,
    "CleanRefusals": clean_refusals,
    "LatencyQuantile": latency_quantile,
    "RecoversWithin": recovers_within,
    "StatementsPerRequest": statements_per_request,
    "TruthfulReadiness": truthful_readiness,
}
