"""Judging takes time in proportion to the length of a run: twice the requests, hardly more than twice the time.

The times are CPU times and only compared with each other, so a slow or busy machine changes nothing.
"""

import pytest

from tests.benchmarks.judging import judged

REQUESTS = 50_000
TIMES_MAX = 3  # twice is linear, four times is quadratic


@pytest.mark.long
@pytest.mark.timeout(600)
def test_twice_the_requests_take_less_than_three_times_as_long_to_judge() -> None:
    once, twice = judged(REQUESTS), judged(2 * REQUESTS)
    assert once.requests == pytest.approx(REQUESTS, rel=0.05)
    assert twice.requests == pytest.approx(2 * REQUESTS, rel=0.05)
    assert not once.sentence.startswith("Invalid"), once.sentence
    assert twice.cpu_s < TIMES_MAX * once.cpu_s, (once, twice)
