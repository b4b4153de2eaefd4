"""Each twin gets cores of its own, or, where they are too few, all get all."""

import subprocess

import pytest

from lab.runtime.cores import listed, only_on, shares, usable


@pytest.mark.parametrize(
    ("available", "twins", "expected"),
    [
        ([0, 1], 2, [(0,), (1,)]),
        ([2, 3, 5, 7], 2, [(2, 3), (5, 7)]),
        ([0, 1, 2, 3], 3, [(0,), (1,), (2,)]),  # alike: the one that is left over helps nobody
        ([0, 1], 1, [(0, 1)]),
        ([4], 2, [(4,), (4,)]),
        ([0, 1], 3, [(0, 1)] * 3),
        ([], 2, [(), ()]),
    ],
)
def test_cores_are_shared_out_evenly(
    available: list[int], twins: int, expected: list[tuple[int, ...]]
) -> None:
    assert shares(available, twins) == expected


def test_a_command_and_what_it_starts_stay_on_their_cores() -> None:
    core = usable()[-1:]
    if not core:
        pytest.skip("this system pins no process to a core")
    command = [*only_on(core), "sh", "-c", "grep Cpus_allowed_list /proc/self/status"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.split()[-1] == listed(core)


def test_no_core_means_no_prefix() -> None:
    assert only_on(()) == ()
