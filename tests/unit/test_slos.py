"""Every SLO: holds, breaks, and says when there is too little to tell."""

import math
from dataclasses import replace

import pytest

from lab.checks.slos import (
    SLOS,
    AnswersWithin,
    CleanRefusals,
    GoodRatio,
    LatencyQuantile,
    RecoversWithin,
    RetryAfter,
    RightAnswers,
    ServedRatio,
    StatementsPerRequest,
    TruthfulReadiness,
)
from lab.judge.description import describe
from lab.model import (
    BASELINE,
    FAULT,
    Check,
    CheckResult,
    Failure,
    FaultWindow,
    MetricsReading,
    Outcome,
    Phases,
    Verdict,
)
from tests.fabricated.evidence import (
    LOAD,
    PHASES,
    FabricatedTwin,
    a_scenario,
    in_fault_phase,
    requests,
    together,
    with_fault_phase,
)

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE
START_S, END_S = PHASES.window(FAULT)
WINDOW = [FaultWindow(fault=0, on_s=START_S, off_s=END_S)]
REFUSAL = {"status": 503, "outcome": Outcome.REFUSED}
CRASH = {"status": 500, "outcome": Outcome.UNKNOWN}
SILENCE = {"status": 0, "outcome": Outcome.UNKNOWN, "failure": Failure.TIMEOUT, "latency_ms": 5_000}


def judged(check: Check, rows: object = None, **evidence: object) -> CheckResult:
    twin = FabricatedTwin(**({} if rows is None else {"requests": rows}), **evidence)
    result = check.judge(twin)
    assert result.sentence.endswith(".")
    return result


# -- GoodRatio


def test_a_service_that_calls_itself_ready_while_it_serves_nobody_has_served_nobody() -> None:
    failing = in_fault_phase(**CRASH)
    lies = in_fault_phase(op="readyz")
    twin = FabricatedTwin(requests=with_fault_phase(together(failing, lies)), fault_windows=WINDOW)
    assert judged(GoodRatio(phase=FAULT, at_least=0.1), twin.requests).value == 0
    told = describe(twin).phases[FAULT]
    assert (told.planned, told.good_ratio, told.served_ratio, told.goodput_rps) == (len(failing), 0, 0, 0)


def test_an_honest_no_of_the_readiness_probe_is_no_loss() -> None:
    honest = together(in_fault_phase(), in_fault_phase(op="readyz", **REFUSAL))
    assert judged(GoodRatio(phase=FAULT, at_least=1.0), with_fault_phase(honest)).value == 1


@pytest.mark.parametrize(
    ("what", "verdict"),
    [
        ({"latency_ms": 299}, HELD),
        ({"latency_ms": 301}, BROKEN),
        ({"wrong": True}, BROKEN),
        (REFUSAL, BROKEN),
        (CRASH, BROKEN),
        (SILENCE, BROKEN),
    ],
    ids=["in time", "late", "wrong", "refused", "crash", "silence"],
)
def test_good_is_right_and_in_time(what: dict[str, object], verdict: Verdict) -> None:
    assert (
        judged(GoodRatio(phase=FAULT, at_least=0.9), with_fault_phase(in_fault_phase(**what))).verdict
        is verdict
    )


def test_the_good_ratio_counts_all_planned_requests_of_its_phase() -> None:
    half = together(requests(START_S, START_S + 5), requests(START_S + 5, END_S, **CRASH))
    assert judged(GoodRatio(phase=FAULT, at_least=0.9), with_fault_phase(half)).value == 0.5
    assert judged(GoodRatio(phase=BASELINE, at_least=0.9), with_fault_phase(half)).value == 1.0


def test_the_good_ratio_of_one_operation_ignores_the_others() -> None:
    mixed = together(in_fault_phase(**CRASH), in_fault_phase(op="healthz"))
    assert judged(GoodRatio(phase=FAULT, at_least=1.0, ops=("healthz",)), mixed).verdict is HELD
    assert judged(GoodRatio(phase=FAULT, at_least=1.0), mixed).verdict is BROKEN


@pytest.mark.parametrize(
    "check",
    [
        GoodRatio(phase=FAULT, at_least=0.9),
        LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=300),
        AnswersWithin(phase=FAULT, at_most_ms=300),
        CleanRefusals(phase=FAULT, at_most=0.1),
    ],
    ids=lambda check: check.name,
)
def test_too_few_requests_decide_nothing(check: Check) -> None:
    needed = check.needed()
    few, enough = (judged(check, in_fault_phase(rate_rps=count / 10)) for count in (needed - 1, needed))
    assert (few.verdict, few.looked) == (INCONCLUSIVE, needed - 1)
    assert f"at least {needed} are needed" in few.sentence
    assert (enough.verdict, enough.looked) == (HELD, needed)


@pytest.mark.parametrize(
    ("check", "needed"),
    [
        (LatencyQuantile(phase=FAULT, quantile=0.5, at_most_ms=300), 20),
        (LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=300), 72),
        (LatencyQuantile(phase=FAULT, quantile=0.99, at_most_ms=300), 368),
        (GoodRatio(phase=FAULT, at_least=0.95), 72),
        (GoodRatio(phase=FAULT, at_least=1.0), 20),
        (ServedRatio(phase=FAULT, at_least=0.98), 183),
        (CleanRefusals(phase=FAULT, at_most=0.05), 72),
        (CleanRefusals(phase=FAULT, at_most=0.0), 20),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_a_share_needs_as_many_requests_as_can_carry_it(check: Check, needed: int) -> None:
    assert check.needed() == needed  # type: ignore[attr-defined]


def share_of(bad: int, each_s: int = 30, seconds: int = 10, **how: object) -> object:
    """`bad` of the requests of one second in the middle, of `each_s` in each of `seconds`."""
    return together(
        requests(START_S, START_S + seconds, rate_rps=each_s),
        requests(START_S + 5, START_S + 6, rate_rps=bad, **how),
    )


def test_a_share_too_near_its_limit_is_inconclusive_whichever_side_it_is_on() -> None:
    """One bad second may be chance; one in every second is not."""
    for bad in (10, 20):  # 96.8 % and 93.8 % good
        result = judged(GoodRatio(phase=FAULT, at_least=0.95), share_of(bad, **CRASH))
        assert result.verdict is INCONCLUSIVE
        assert "contains the limit of 95 %: too few or too uneven requests to tell" in result.sentence
        assert result.value == pytest.approx(300 / (300 + bad))
    doubtful = judged(CleanRefusals(phase=FAULT, at_most=0.05), share_of(15, **CRASH))
    assert doubtful.verdict is INCONCLUSIVE


def test_a_share_that_is_the_same_in_every_second_is_no_matter_of_chance() -> None:
    steady = together(in_fault_phase(rate_rps=24), in_fault_phase(rate_rps=1, **CRASH))
    assert judged(GoodRatio(phase=FAULT, at_least=0.95), steady).verdict is HELD  # 96 %
    steady = together(in_fault_phase(rate_rps=23), in_fault_phase(rate_rps=2, **CRASH))
    assert judged(GoodRatio(phase=FAULT, at_least=0.95), steady).verdict is BROKEN  # 92 %


def test_a_limit_of_all_or_none_leaves_nothing_open() -> None:
    assert judged(GoodRatio(phase=FAULT, at_least=1.0), share_of(1, **CRASH)).verdict is BROKEN
    assert judged(CleanRefusals(phase=FAULT, at_most=0.0), share_of(1, **CRASH)).verdict is BROKEN


# -- ServedRatio


@pytest.mark.parametrize(
    ("what", "verdict"),
    [
        ({}, HELD),
        ({"status": 409, "outcome": Outcome.REFUSED}, HELD),
        ({"status": 409, "outcome": Outcome.REFUSED, "latency_ms": 301}, BROKEN),
        (REFUSAL, BROKEN),
        (CRASH, BROKEN),
        (SILENCE, BROKEN),
    ],
    ids=["good", "conflict", "late conflict", "refused", "crash", "silence"],
)
def test_a_conflict_is_an_answer_and_any_other_refusal_is_none(
    what: dict[str, object], verdict: Verdict
) -> None:
    assert judged(ServedRatio(phase=FAULT, at_least=0.9), in_fault_phase(**what)).verdict is verdict


# -- LatencyQuantile


def test_the_quantile_is_over_all_planned_requests() -> None:
    slow = together(requests(START_S, START_S + 9), requests(START_S + 9, END_S, latency_ms=400))  # a tenth
    assert judged(LatencyQuantile(phase=FAULT, quantile=0.9, at_most_ms=300), slow).verdict is HELD
    result = judged(LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=300), slow)
    assert result.verdict is BROKEN
    assert result.value == pytest.approx(400)


def test_a_fast_failure_does_not_look_fast() -> None:
    failing = together(requests(START_S, START_S + 9), requests(START_S + 9, END_S, latency_ms=1, **CRASH))
    result = judged(LatencyQuantile(phase=FAULT, quantile=0.95, at_most_ms=300), failing)
    assert (result.verdict, result.value) == (BROKEN, math.inf)


def test_a_high_quantile_needs_enough_requests_to_have_one_beyond_it() -> None:
    check = LatencyQuantile(phase=FAULT, quantile=0.99, at_most_ms=300)
    assert judged(check, in_fault_phase(rate_rps=36)).verdict is INCONCLUSIVE
    assert judged(check, in_fault_phase(rate_rps=37)).verdict is HELD


# -- AnswersWithin


def test_a_refusal_is_an_answer() -> None:
    assert judged(AnswersWithin(phase=FAULT, at_most_ms=1_500), in_fault_phase(**REFUSAL)).verdict is HELD


def test_one_late_answer_breaks_it_and_is_shown() -> None:
    one_late = together(in_fault_phase(), requests(START_S + 1, START_S + 1.01, latency_ms=1_600, status=503))
    result = judged(AnswersWithin(phase=FAULT, at_most_ms=1_500), one_late)
    assert result.verdict is BROKEN
    assert result.value == pytest.approx(1_600)
    assert "status 503 after 1600 ms" in result.examples[0]


def test_silence_breaks_it_however_short_the_client_waited() -> None:
    reset = {"failure": Failure.RESET, "status": 0, "outcome": Outcome.UNKNOWN}
    result = judged(AnswersWithin(phase=FAULT, at_most_ms=1_500), in_fault_phase(**reset))
    assert (result.verdict, result.value) == (BROKEN, math.inf)
    assert "reset" in result.examples[0]


def test_errors_that_came_late_are_told_from_no_answer_at_all() -> None:
    late = in_fault_phase(**CRASH, latency_ms=2_500)
    rows = together(in_fault_phase(), late, in_fault_phase(**SILENCE))
    result = judged(AnswersWithin(phase=FAULT, at_most_ms=2_000), rows)
    assert "200 of 600 requests got an answer of any kind within 2000 ms" in result.sentence
    assert "200 got one later, 200 got none at all" in result.sentence


def test_a_share_may_be_asked_of_and_the_rest_may_be_late() -> None:
    late = {**REFUSAL, "latency_ms": 1_000, "rate_rps": 3}
    for quick_rps, verdict in ((20, HELD), (9, BROKEN)):
        rows = together(in_fault_phase(**{**REFUSAL, "rate_rps": quick_rps}), in_fault_phase(**late))
        check = AnswersWithin(phase=FAULT, at_most_ms=300, share=0.8)
        assert judged(check, rows).verdict is verdict
    assert check.title() == "at least 80 % of requests answered within 300 ms in the fault phase"


# -- RightAnswers


def test_one_wrong_answer_in_a_whole_run_is_one_too_many() -> None:
    assert judged(RightAnswers()).verdict is HELD
    one = together(requests(), requests(1.0, 1.01, op="healthz", wrong=True))
    result = judged(RightAnswers(), one)
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert "1 × healthz" in result.sentence
    assert "healthz no." in result.examples[0]


def test_without_a_success_nothing_can_be_wrong() -> None:
    assert judged(RightAnswers(), requests(**REFUSAL)).verdict is INCONCLUSIVE


# -- RecoversWithin


def recovering_after(seconds: float, then_ill_at_s: float | None = None) -> object:
    back_s = END_S + seconds
    parts = [requests(0, START_S), requests(START_S, back_s, **CRASH), requests(back_s, PHASES.load_s)]
    if then_ill_at_s is not None:
        parts.append(requests(END_S + then_ill_at_s, END_S + then_ill_at_s + 1, **CRASH))
    return together(*parts)


@pytest.mark.parametrize(
    ("rows", "took_s", "verdict"),
    [
        (recovering_after(0), 0, HELD),
        (recovering_after(3), 3, HELD),
        (recovering_after(5), 5, HELD),  # the last second counts
        (recovering_after(6), math.inf, BROKEN),  # four good seconds are not five
        (recovering_after(1, then_ill_at_s=4), 5, HELD),  # three are not either
        (recovering_after(1, then_ill_at_s=8), 1, HELD),  # what comes after five does not undo them
        (recovering_after(10), math.inf, BROKEN),
    ],
)
def test_recovery_is_the_first_five_healthy_seconds(rows: object, took_s: float, verdict: Verdict) -> None:
    result = judged(RecoversWithin(at_most_s=5), rows, fault_windows=WINDOW)
    assert (result.value, result.verdict) == (took_s, verdict)


def test_what_is_ill_after_recovery_is_said() -> None:
    rows = recovering_after(0, then_ill_at_s=8)
    assert (
        "later it was unhealthy again for 1 s"
        in judged(RecoversWithin(at_most_s=5), rows, fault_windows=WINDOW).sentence
    )


def test_one_blip_of_four_slow_requests_is_not_an_outage() -> None:
    blip = requests(END_S + 7, END_S + 7.2, latency_ms=900)
    result = judged(RecoversWithin(at_most_s=5), together(requests(), blip), fault_windows=WINDOW)
    assert (result.verdict, result.value) == (HELD, 0)


def test_one_late_request_makes_no_second_ill_and_two_of_twenty_do() -> None:
    for late, took_s in ((1, 0), (2, 3)):
        blip = requests(END_S + 2, END_S + 3, rate_rps=late, latency_ms=900)
        result = judged(RecoversWithin(at_most_s=5), together(requests(), blip), fault_windows=WINDOW)
        assert (result.verdict, result.value) == (HELD, took_s)


def test_a_twin_that_stays_slow_has_not_recovered_though_all_is_in_time() -> None:
    slow = together(requests(0, START_S), requests(START_S, PHASES.load_s, latency_ms=250))
    assert judged(RecoversWithin(at_most_s=5), slow, fault_windows=WINDOW).verdict is BROKEN
    lingering = together(requests(0, START_S), requests(START_S, PHASES.load_s, latency_ms=140))
    assert judged(RecoversWithin(at_most_s=5), lingering, fault_windows=WINDOW).verdict is BROKEN
    a_quarter = together(requests(0, START_S), requests(START_S, PHASES.load_s, latency_ms=70))
    assert judged(RecoversWithin(at_most_s=5), a_quarter, fault_windows=WINDOW).verdict is HELD


def test_a_conflict_is_a_healthy_answer() -> None:
    conflicts = requests(status=409, outcome=Outcome.REFUSED, rate_rps=4)
    rows = together(requests(), conflicts)
    assert judged(RecoversWithin(at_most_s=5), rows, fault_windows=WINDOW).value == 0


def test_a_load_of_few_requests_is_looked_at_in_longer_bins() -> None:
    scenario = a_scenario(load=replace(LOAD, rate_rps=5))
    rows = together(requests(0, START_S, rate_rps=5), requests(END_S, PHASES.load_s, rate_rps=5))
    result = judged(RecoversWithin(at_most_s=5), rows, fault_windows=WINDOW, scenario=scenario)
    assert (result.verdict, result.value) == (HELD, 0)


@pytest.mark.parametrize(
    "ill", [(START_S - 1, START_S - 0.3), (START_S - 2, START_S - 1)], ids=["short", "whole"]
)
def test_one_bad_second_of_the_baseline_makes_no_silence_healthy(ill: tuple[float, float]) -> None:
    """What could be late is left out, so the last bin of the baseline is short: few requests decide it."""
    before = together(requests(0, ill[0]), requests(*ill, **CRASH), requests(ill[1], START_S))
    rows = together(before, requests(START_S, PHASES.load_s, **CRASH))
    result = judged(RecoversWithin(at_most_s=5), rows, fault_windows=WINDOW)
    assert (result.value, result.verdict) == (math.inf, BROKEN)


def test_an_ill_baseline_leaves_recovery_open() -> None:
    result = judged(RecoversWithin(at_most_s=5), requests(**CRASH), fault_windows=WINDOW)
    assert result.verdict is INCONCLUSIVE


@pytest.mark.parametrize("baseline_s", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("recovery_s", [0, 0.5, 12])
def test_however_short_the_phases_are_it_is_judged_or_left_open(baseline_s: float, recovery_s: float) -> None:
    phases = Phases(warmup_s=1, baseline_s=baseline_s, fault_s=2, recovery_s=recovery_s, drain_s=0)
    window = [FaultWindow(fault=0, on_s=phases.window(FAULT)[0], off_s=phases.window(FAULT)[1] + 0.003)]
    twin = FabricatedTwin(requests=requests(0, phases.load_s), phases=phases, fault_windows=window)
    result = RecoversWithin(at_most_s=5).judge(twin)
    assert result.verdict is (HELD if recovery_s == 12 else INCONCLUSIVE)
    assert describe(twin).time_to_recover_s == (0 if recovery_s == 12 else None)


def test_a_recovery_phase_shorter_than_the_limit_leaves_it_open() -> None:
    phases = Phases(warmup_s=3, baseline_s=6, fault_s=10, recovery_s=4, drain_s=2)
    assert judged(RecoversWithin(at_most_s=5), phases=phases, fault_windows=WINDOW).verdict is INCONCLUSIVE


# -- CleanRefusals


@pytest.mark.parametrize(
    ("what", "verdict"),
    [
        ({}, HELD),
        (REFUSAL, HELD),
        ({"status": 409, "outcome": Outcome.REFUSED}, HELD),
        (CRASH, BROKEN),
        (SILENCE, BROKEN),
        ({"outcome": Outcome.FAILED, "status": 500}, HELD),
    ],
    ids=["served", "refused", "conflict", "crash", "silence", "a failed read"],
)
def test_a_write_is_in_doubt_unless_served_or_refused_and_a_read_never(
    what: dict[str, object], verdict: Verdict
) -> None:
    assert judged(CleanRefusals(phase=FAULT, at_most=0.05), in_fault_phase(**what)).verdict is verdict


def test_a_few_in_doubt_may_be_allowed() -> None:
    few = together(
        in_fault_phase(), *(requests(START_S + n, START_S + n + 0.04, **CRASH) for n in (1, 3, 5, 7))
    )
    assert judged(CleanRefusals(phase=FAULT, at_most=0.05), few).verdict is HELD
    result = judged(CleanRefusals(phase=FAULT, at_most=0.0), few)
    assert result.verdict is BROKEN
    assert "4 × status 500" in result.sentence


# -- StatementsPerRequest


def readings(statements: int, requests_made: int, route: str = "/users/") -> list[MetricsReading]:
    def reading(at_s: float, share: float) -> MetricsReading:
        served = f'http_requests_total{{route="{route}",method="GET",code="200",reason=""}}'
        others = 'http_requests_total{route="/users/{id}/bookings/",method="GET",code="200",reason=""}'
        samples = {
            f'sql_statements_total{{route="{route}"}}': 100.0 + statements * share,
            served: 9.0 + requests_made * share,
            others: 1_000.0 * share,
        }
        return MetricsReading(at_s=at_s, ok=True, samples=samples)

    silent = MetricsReading(at_s=START_S + 5, ok=False, samples={})
    return [reading(START_S - 0.5, 0), silent, reading(END_S + 0.5, 1), reading(END_S + 5, 9)]


@pytest.mark.parametrize(("statements", "verdict"), [(200, HELD), (2_100, BROKEN)])
def test_statements_are_counted_from_the_metrics_over_the_fault_phase(
    statements: int, verdict: Verdict
) -> None:
    result = judged(StatementsPerRequest(route="/users/", at_most=3), metrics=readings(statements, 100))
    assert (result.verdict, result.value) == (verdict, statements / 100)


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        readings(200, 100)[:2],
        readings(200, 0),
        readings(20, 9),
        readings(200, 100, route="/other/"),
        [
            replace(each, samples={n: v for n, v in each.samples.items() if "sql" not in n})
            for each in readings(2, 99)
        ],
    ],
    ids=["none", "one", "no requests", "few requests", "another route", "no statements counted"],
)
def test_metrics_that_tell_too_little_decide_nothing(metrics: list[MetricsReading]) -> None:
    assert judged(StatementsPerRequest(route="/users/", at_most=3), metrics=metrics).verdict is INCONCLUSIVE


# -- TruthfulReadiness

READY = {"op": "readyz", "rate_rps": 4}
NOT_READY = {**READY, "status": 503, "outcome": Outcome.REFUSED}


def readiness(during: dict[str, object], after: dict[str, object], late_s: float = 1.0) -> object:
    return together(
        requests(0, START_S + late_s, **READY),
        requests(START_S + late_s, END_S, **during),
        requests(END_S, PHASES.load_s, **after),
    )


def ready_again_after(seconds: float) -> object:
    back_s = END_S + seconds
    return together(
        requests(0, START_S, **READY),
        requests(START_S, back_s, **NOT_READY),
        requests(back_s, PHASES.load_s, **READY),
    )


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (readiness(NOT_READY, READY), HELD),
        (readiness({**READY, **SILENCE}, READY), HELD),  # a load balancer takes silence for a no
        (readiness(READY, READY), BROKEN),
        (readiness(NOT_READY, NOT_READY), BROKEN),
        (readiness(NOT_READY, READY, late_s=3.0), BROKEN),
        (readiness({**NOT_READY, "rate_rps": 0.1}, READY), INCONCLUSIVE),
        (ready_again_after(4.5), HELD),
        (ready_again_after(7.0), BROKEN),
    ],
    ids=[
        "truthful",
        "silent",
        "always ready",
        "never ready again",
        "slow to notice",
        "hardly asked",
        "back in time",
        "back too late",
    ],
)
def test_readiness_must_follow_the_fault(rows: object, verdict: Verdict) -> None:
    assert judged(TruthfulReadiness(at_most_s=2), rows, fault_windows=WINDOW).verdict is verdict


def test_a_false_yes_decides_however_short_the_recovery_is() -> None:
    rows = readiness(READY, READY)
    rows = rows[rows["intended"] < END_S + 3]
    assert judged(TruthfulReadiness(at_most_s=2), rows, fault_windows=WINDOW).verdict is BROKEN
    rows = readiness(NOT_READY, READY)
    rows = rows[rows["intended"] < END_S + 3]
    assert judged(TruthfulReadiness(at_most_s=2), rows, fault_windows=WINDOW).verdict is INCONCLUSIVE


def test_a_yes_that_waited_until_it_was_true_is_no_lie() -> None:
    waited = requests(END_S - 0.5, END_S - 0.3, **{**READY, "rate_rps": 5, "latency_ms": 600.0})
    rows = together(readiness(NOT_READY, READY), waited)
    assert judged(TruthfulReadiness(at_most_s=2), rows, fault_windows=WINDOW).verdict is HELD


@pytest.mark.parametrize(
    ("told", "silent", "verdict"), [(20, 0, HELD), (19, 1, BROKEN), (0, 20, BROKEN), (4, 0, INCONCLUSIVE)]
)
def test_every_503_says_when_to_try_again(told: int, silent: int, verdict: Verdict) -> None:
    unavailable = {"status": 503, "outcome": Outcome.REFUSED}
    refused = requests(START_S, START_S + 1, rate_rps=told + silent, **unavailable)
    refused["flags"][:told] = 8
    rows = together(in_fault_phase(rate_rps=20), refused)
    assert judged(RetryAfter(phase=FAULT), rows).verdict is verdict


def test_every_slo_is_tested_here() -> None:
    tested = {
        AnswersWithin,
        CleanRefusals,
        GoodRatio,
        LatencyQuantile,
        RecoversWithin,
        RetryAfter,
        RightAnswers,
        ServedRatio,
        StatementsPerRequest,
        TruthfulReadiness,
    }
    assert set(SLOS) == tested
