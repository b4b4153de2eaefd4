"""The numbers behind checks and figures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.judge.statistics import (
    between,
    censored_ms,
    counter,
    ending_counts,
    increase,
    is_sent,
    is_sound,
    lost_good_s,
    quantile,
    ratio,
    schedule_lag_ms,
    statements_per_request,
)
from lab.model import Failure, MetricsReading, Outcome
from tests.fabricated.evidence import requests, together

CRASH = {"status": 500, "outcome": Outcome.UNKNOWN}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], q: float) -> None:
    found = quantile(np.array(values), q)
    assert found in values
    assert sum(value <= found for value in values) >= q * len(values) - 1e-6
    assert sum(value < found for value in values) < q * len(values) + 1e-6


def test_of_nothing_there_is_no_quantile_and_no_ratio() -> None:
    assert math.isnan(quantile(np.array([]), 0.5))
    assert math.isnan(ratio(np.array([], dtype=bool)))


def test_a_request_without_a_right_answer_is_infinitely_late() -> None:
    rows = together(requests(0, 1), requests(1, 2, **CRASH), requests(2, 3, wrong=True))
    assert np.isinf(censored_ms(rows)).sum() == 40


def test_a_request_belongs_to_the_phase_of_its_planned_instant() -> None:
    assert len(between(requests(0, 10, latency_ms=5_000), 2, 3)) == 20


def test_a_request_that_was_never_sent_has_no_schedule_lag() -> None:
    rows = requests(0, 1)
    rows["sent"][:5] = -5_000.0  # 0.0 on the monotonic clock
    assert is_sent(rows).sum() == 15
    assert schedule_lag_ms(rows) == pytest.approx(0.5)


def test_a_conflict_is_sound_though_not_good_and_a_not_found_is_neither() -> None:
    assert is_sound(requests(0, 1, status=409, outcome=Outcome.REFUSED), 300).all()
    assert not is_sound(requests(0, 1, status=404, outcome=Outcome.REFUSED), 300).any()
    assert not is_sound(requests(0, 1, status=409, outcome=Outcome.REFUSED, latency_ms=301), 300).any()


def test_every_request_has_exactly_one_outcome() -> None:
    rows = together(
        requests(0, 1),
        requests(0, 1, latency_ms=400),
        requests(0, 1, wrong=True),
        requests(0, 1, status=503, outcome=Outcome.REFUSED),
        requests(0, 1, status=409, outcome=Outcome.REFUSED),
        requests(0, 1, failure=Failure.RESET, outcome=Outcome.UNKNOWN),
        requests(0, 1, failure=Failure.TIMEOUT, outcome=Outcome.FAILED),
    )
    counts = ending_counts(rows, 300)
    assert counts == dict.fromkeys(("good", "late", "conflict", "refused", "failed", "unknown", "wrong"), 20)


def test_lost_good_seconds_are_relative_to_the_baseline() -> None:
    rows = together(requests(0, 5), requests(5, 7.5, **CRASH), requests(7.5, 10))
    assert lost_good_s(rows, 300, 1.0, 0, 10) == pytest.approx(2.5, abs=0.1)
    assert lost_good_s(rows, 300, 0.5, 0, 10) == pytest.approx(
        2.0, abs=0.1
    )  # half a good second is all there ever was
    assert lost_good_s(rows, 300, math.nan, 0, 10) == 0


def test_a_counter_is_summed_over_the_series_that_carry_the_label() -> None:
    samples = {
        'a{route="/x/",code="200"}': 1.0,
        'a{route="/x/",code="500"}': 2.0,
        'a{route="/y/"}': 4.0,
        "ab": 8.0,
    }
    assert counter(samples, "a", route="/x/") == 3
    assert counter(samples, "a") == 7


def counted(at_s: float, member: str, statements: float, requests: float) -> MetricsReading:
    samples = {"sql_statements_total": statements, "http_requests_total": requests}
    return MetricsReading(at_s=at_s, ok=True, member=member, samples=samples)


def test_statements_and_requests_of_all_replicas_are_added_up() -> None:
    metrics = [
        counted(0, "1", 100, 50), counted(0, "2", 5, 1), counted(10, "1", 130, 60), counted(10, "2", 35, 11)
    ]  # fmt: skip
    assert statements_per_request(metrics, 0, 10) == (3.0, 20.0)


def test_a_replica_that_was_started_again_counts_from_zero() -> None:
    metrics = [counted(0, "1", 100, 50), counted(5, "1", 110, 60), counted(10, "1", 20, 10)]
    assert statements_per_request(metrics, 0, 10) == (1.5, 20.0)


def test_a_counter_grows_by_the_sum_of_its_steps() -> None:
    assert increase([3.0, 5.0, 5.0, 1.0, 4.0]) == 2 + 0 + 1 + 3
    assert increase([7.0]) == 0
