"""Priorities are asked for, never taken for granted: root in a container has few rights, and macOS has no chrt(1)."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.runtime import priority


@pytest.fixture(autouse=True)
def _ask_afresh() -> Iterator[None]:
    priority.granted.cache_clear()
    yield
    priority.granted.cache_clear()


def test_where_it_is_refused_nothing_is_put_before_an_instrument_and_nice_before_a_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "chrt"
    refusing.write_text("#!/bin/sh\necho chrt: Operation not permitted >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert (priority.punctual(), priority.giving_way()) == ((), priority.LOWEST)


def test_where_there_is_no_chrt_nice_must_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (priority.punctual(), priority.giving_way()) == ((), priority.LOWEST)


def test_what_is_granted_runs() -> None:
    for prefix in (priority.punctual(), priority.giving_way()):
        assert subprocess.run([*prefix, "true"], check=False).returncode == 0


def test_cores_that_are_not_ours_do_not_count() -> None:
    """taskset(1), and the quota of a container."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert priority.cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({}, 8),
    ],
)
def test_the_quota_of_a_control_group_is_read(files: dict[str, str], cores: float, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert priority._quota(8, tmp_path) == cores
