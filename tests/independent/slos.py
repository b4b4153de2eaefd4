"""Checks of requests: (verdict, value) of each, by the thresholds in the manifest."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.independent.folder import (
    NO_FAILURE,
    OK,
    READINESS,
    TELLS_WHEN,
    UNKNOWN,
    WRONG,
    Request,
    Row,
    Run,
    Twin,
)
from tests.independent.numbers import (
    HEALTHY_FOR_S,
    PER_BIN,
    carried_by,
    due,
    healed_s,
    is_good,
    is_served,
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


def share(asked: list[Request], hits: list[bool], limit: float, least: bool) -> Found:
    """A share too near its limit to tell, by how it differs from second to second, is left open."""
    if len(asked) < max(FEWEST, carried_by(limit if least else 1 - limit)):
        return NOTHING
    found = sum(hits) / len(asked)
    off = half_interval(asked, hits, found)
    if limit not in (0, 1) and found - off < limit < found + off:
        return OPEN, found
    return decided(found >= limit if least else found <= limit, found)


def half_interval(asked: list[Request], hits: list[bool], found: float) -> float:
    """Half of the 95 % interval of a ratio over blocks of one second (Student's t)."""
    first_s = min(request.due_s for request in asked)
    blocks: dict[int, list[int]] = {}
    for request, hit in zip(asked, hits, strict=True):
        block = blocks.setdefault(math.floor(request.due_s - first_s), [0, 0])
        block[0] += 1
        block[1] += hit
    if len(blocks) < 2:
        return 1.0
    freedom = len(blocks) - 1
    squares = sum((hit - found * planned) ** 2 for planned, hit in blocks.values())
    few = {1: 12.706, 2: 4.303}
    student = few.get(freedom) or 1.96 + 2.372 / freedom + 2.823 / freedom**2 + 2.6 / freedom**3
    return student * math.sqrt(squares * len(blocks) / freedom) / len(asked)


def good_ratio(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    return share(asked, [is_good(request, run.within_ms) for request in asked], check["at_least"], True)


def served_ratio(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    return share(asked, [is_served(request, run.within_ms) for request in asked], check["at_least"], True)


def answers_within(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    if len(asked) < FEWEST:
        return NOTHING
    waited_ms = [request.waited_ms if request.failure == NO_FAILURE else math.inf for request in asked]
    needed = 1 if check["share"] == 1 else carried_by(check["share"])
    if len(asked) < needed:
        return NOTHING
    slowest_ms = quantile(waited_ms, check["share"])
    return decided(slowest_ms <= check["at_most_ms"], slowest_ms)


def right_answers(_run: Run, twin: Twin, _check: Row) -> Found:
    """A wrong answer at any time is one too many."""
    acknowledged = [request for request in twin.requests if request.outcome == OK]
    count = sum(request.flags & WRONG > 0 for request in acknowledged)
    return NOTHING if not count and len(acknowledged) < 5 else decided(not count, count)


def clean_refusals(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    return share(asked, [request.outcome == UNKNOWN for request in asked], check["at_most"], False)


def retry_after(run: Run, twin: Twin, check: Row) -> Found:
    """Every 503 says when to come back."""
    unavailable = [request for request in asked_in_phase(run, twin, check) if request.status == 503]
    if len(unavailable) < 5:
        return NOTHING
    told = sum(request.flags & TELLS_WHEN > 0 for request in unavailable)
    return decided(told == len(unavailable), told / len(unavailable))


def latency_quantile(run: Run, twin: Twin, check: Row) -> Found:
    asked = asked_in_phase(run, twin, check)
    if len(asked) < max(FEWEST, carried_by(check["quantile"])):
        return NOTHING
    found_ms = quantile(right_after_ms(asked), check["quantile"])
    return decided(found_ms <= check["at_most_ms"], found_ms)


def recovers_within(run: Run, twin: Twin, check: Row) -> Found:
    seen_s = run.window("recovery")[1] - healed_s(run, twin)
    took_s = time_to_recover(run, twin)
    bin_s = max(1, math.ceil(PER_BIN / run.scenario["load"]["rate_rps"]))
    if took_s is None or (math.isinf(took_s) and seen_s < check["at_most_s"] + HEALTHY_FOR_S - bin_s):
        return NOTHING
    return decided(took_s <= check["at_most_s"], took_s)


def statements_per_request(run: Run, twin: Twin, check: Row) -> Found:
    counted = statements(twin.metrics, *run.window("fault"), check["route"])
    if counted is None or counted[1] < 10 or not counted[0]:
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
    end_s = run.window("recovery")[1]
    last = due(probes, healed_s(run, twin) + check["back_after_s"], end_s)
    false = sum(probe.status == 200 for probe in during) + sum(probe.status != 200 for probe in last)
    if not false and min(len(during), len(last)) < 3:
        return NOTHING
    return decided(not false, false)


SLOS: dict[str, Callable[[Run, Twin, Row], Found]] = {
    "GoodRatio": good_ratio,
    "ServedRatio": served_ratio,
    "AnswersWithin": answers_within,
    "CleanRefusals": clean_refusals,
    "LatencyQuantile": latency_quantile,
    "RecoversWithin": recovers_within,
    "RetryAfter": retry_after,
    "RightAnswers": right_answers,
    "StatementsPerRequest": statements_per_request,
    "TruthfulReadiness": truthful_readiness,
}
