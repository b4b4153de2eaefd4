"""What several unit tests start with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import cli, paths
from lab.runtime.local import in_memory

Lab = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lab:
    """(exit code, standard output, standard error) of a command line; runs and state in a folder of the test's."""
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bin/lab", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        code = leaving.value.code
        return (code if isinstance(code, int) else 0, *capsys.readouterr())

    return command


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the machine has in memory, empty."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(in_memory, "SHARED", folder)
    monkeypatch.setattr(in_memory, "is_in_memory", lambda path: path == folder)
    return folder
