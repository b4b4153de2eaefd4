"""bin/prepare: when an environment counts as fresh, and what is said when it cannot be made."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BIN = Path(__file__).parents[2] / "bin"


def installs(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(prepare, "install", lambda _uv, pins: done.append(pins.name))
    return done


def test_nothing_is_installed_twice(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    done = installs(prepare, monkeypatch)
    prepare.main("run")
    prepare.main("run")
    assert done == ["run.txt"]


def test_an_environment_for_tests_serves_runs_too(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = installs(prepare, monkeypatch)
    prepare.main("test")
    prepare.main("run")
    assert done == ["test.txt"]


def test_an_environment_for_runs_does_not_serve_tests(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = installs(prepare, monkeypatch)
    prepare.main("run")
    prepare.main("test")
    assert done == ["run.txt", "test.txt"]


def test_changed_pins_are_installed(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = installs(prepare, monkeypatch)
    prepare.main("run")
    (tmp_path / "requirements" / "run.txt").write_text("run==2\n")
    prepare.main("run")
    assert done == ["run.txt", "run.txt"]


def test_an_environment_whose_python_is_gone_is_not_fresh(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installs(prepare, monkeypatch)
    prepare.main("run")
    assert prepare.fresh("run")
    monkeypatch.setattr(prepare, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    assert not prepare.fresh("run")


def test_an_installation_that_fails_leaves_no_stamp_and_shows_the_end_of_the_log(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = [sys.executable, "-c", "import sys; sys.exit('no matching hash')"]
    monkeypatch.setattr(prepare, "install", lambda _uv, _pins: prepare.run(fail))
    with pytest.raises(prepare.PrepareError, match="no matching hash"):
        prepare.main("run")
    assert not prepare.fresh("run")


def test_another_setup_is_waited_for_but_not_for_ever(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prepare, "WAIT_TIMEOUT_S", 0.3, raising=False)
    done = installs(prepare, monkeypatch)
    lock = prepare.STATE / "prepare.lock"
    with lock.open("w") as held:  # as by one that is suspended
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4711")
        held.flush()
        with pytest.raises(
            prepare.PrepareError, match=f"within 0.3 s: pid 4711, which holds {lock}.*try again"
        ):
            prepare.main("run")
    assert "waiting for it" in capsys.readouterr().err
    prepare.main("run")
    assert done == ["run.txt"]


def without_python(clone: Path) -> subprocess.CompletedProcess[str]:
    """`bin/prepare run` in `clone`, with no Python on PATH: it can only look whether the environment is fresh."""
    (clone / "bin").mkdir(exist_ok=True)
    for tool in ("cat", "cksum", "dirname", "readlink"):
        (clone / "bin" / tool).unlink(missing_ok=True)
        (clone / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    (clone / "bin" / "prepare").write_text((BIN / "prepare").read_text())
    command = ["/bin/sh", str(clone / "bin" / "prepare"), "run"]
    env = {"PATH": str(clone / "bin")}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_the_shell_makes_the_environment_again_once_its_link_leads_to_another_python(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    monkeypatch.setattr(prepare, "PYTHON", python)
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    prepare.stamp("run").write_text(prepare.checksum("run"))
    assert without_python(tmp_path).returncode == 0
    python.unlink()
    python.symlink_to("/bin/sh")
    assert without_python(tmp_path).returncode == 2


def test_a_python_that_looks_for_its_packages_in_another_folder_does_not_work(
    prepare: ModuleType, tmp_path: Path
) -> None:
    real = Path(sys.executable).resolve()
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(real)
    (venv / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    assert not prepare.works(venv / "bin" / "python")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (venv / "lib" / version / "site-packages").mkdir(parents=True)
    assert prepare.works(venv / "bin" / "python")


def test_an_environment_that_uv_cannot_make_is_made_by_venv(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[str]] = []

    def run(command: list[str]) -> None:
        tried.append(command)
        if command[0] == "/bin/uv":
            raise prepare.PrepareError

    monkeypatch.setattr(prepare, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(prepare, "run", run)
    prepare.create("/bin/uv")
    assert [command[:3] for command in tried] == [
        ["/bin/uv", "venv", "--quiet"],
        [sys.executable, "-m", "venv"],
    ]


def test_a_relative_cache_is_the_same_folder_for_the_build_in_the_background(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_CACHE", "kept")
    assert prepare._of_the_lab()["LAB_CACHE"] == str(tmp_path / "kept")


def test_a_python_with_a_blank_in_its_path_is_used(tmp_path: Path) -> None:
    mine = tmp_path / "my python"
    mine.write_text('#!/bin/sh\n[ "$2" = -c ] || echo mine\n')
    mine.chmod(0o755)
    done = prepared(tmp_path / "clone", python=str(mine))
    assert (done.returncode, done.stdout) == (0, "mine\n")


def test_without_a_fit_python_the_next_step_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.txt").write_text("")
    done = without_python(tmp_path)
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "PYTHON=" in done.stderr


def cloned(clone: Path) -> Path:
    """A clone that has the scripts of ours, no package to install and no environment; returns its bin/prepare."""
    for name in ("bin", "lab"):
        shutil.copytree(BIN.parent / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    (clone / "requirements").mkdir()
    (clone / "requirements" / "run.txt").write_text("")
    return clone / "bin" / "prepare"


def prepared(clone: Path, *, python: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`bin/prepare run` in such a clone."""
    command = [str(cloned(clone)), "run"]
    env = {"PATH": os.environ["PATH"], "PYTHON": python, "HOME": str(clone), **options.pop("env", {})}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, **options)


def test_a_clone_with_a_colon_in_its_path_is_told_so(tmp_path: Path) -> None:
    done = prepared(tmp_path / "a:b", python=sys.executable)
    assert done.returncode == 2
    assert "Search paths are split at colons" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_clone_that_cannot_be_written_is_told_so_whatever_python_was_told(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / ".lab").write_text("a file where a folder should be")
    hostile = {"PYTHONHOME": "/nowhere", "PYTHONOPTIMIZE": "2", "PIP_USER": "1", "PIP_TARGET": "/nowhere"}
    done = prepared(clone, python=sys.executable, env=hostile)
    assert done.returncode == 2, done.stderr
    mine = "~/failure-lab"
    copy = f"mkdir {mine} && cp -r {clone}/. {mine} && rm -rf {mine}/.venv {mine}/.lab"
    assert f"copy of your own: {copy}" in done.stderr
    assert "Traceback" not in done.stderr


def test_packages_come_from_uvs_cache_else_by_uv_else_by_pip(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried: list[str] = []

    def fails(command: list[str], _told: object) -> None:
        tried.append(" ".join(command))
        raise prepare.PrepareError

    monkeypatch.setattr(prepare, "run", fails)
    monkeypatch.setattr(prepare, "pip", lambda *arguments: tried.append(" ".join(["pip", *arguments])))
    prepare.install("/bin/uv", tmp_path / "run.txt")
    assert ["--offline" in words for words in tried] == [True, False, False]
    assert tried[2] == f"pip -r {tmp_path / 'run.txt'}"
