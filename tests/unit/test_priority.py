"""Priorities are asked for, never taken for granted: root in a container has few rights, and macOS has no chrt(1)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.runtime import priority


@pytest.fixture(autouse=True)
def _ask_afresh() -> Iterator[None]:
    priority._granted.cache_clear()
    yield
    priority._granted.cache_clear()


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
