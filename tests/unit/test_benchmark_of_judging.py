"""The benchmark of judging judges a whole run that was made up. How long that takes is for the long tests."""

import pytest

from tests.benchmarks.judging import judged


@pytest.mark.thorough
def test_a_small_run_is_judged_as_a_large_one_would_be() -> None:
    done = judged(1_000)
    assert done.requests == pytest.approx(1_000, rel=0.2)
    assert done.sentence.startswith(("With ", "Invalid run"))
    assert done.verified_s > 0
    assert done.cpu_s > 0
    assert done.peak_mib > 10
