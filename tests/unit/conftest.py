"""What several unit tests start with."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lab import cli, paths
from lab.runtime.local import in_memory

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """bin/prepare.py for a clone in a scratch folder, whose environment is this one's Python and no stamps."""
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "bin" / "prepare.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements", ".venv", ".lab"):
        (tmp_path / name).mkdir()
    for name in ("run", "test"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(module, "STATE", tmp_path / ".lab")
    monkeypatch.setattr(module, "LOG", tmp_path / ".lab" / "prepare.log")
    monkeypatch.setattr(module, "build_toxiproxy", lambda _uv: None)
    monkeypatch.setattr(module, "uv_on_path", lambda: None)
    monkeypatch.setattr(module, "uv_from_wheel", lambda: None)
    monkeypatch.setattr(module, "UV", tmp_path / ".lab" / "uv")
    return module
