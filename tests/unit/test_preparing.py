"""bin/prepare on machines with settings of their own, and when it is ended in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from lab.errors import LabError
from lab.runtime.indexes import of_pip, of_uv
from lab.runtime.ownership.identity import started
from tests.interrupting import interrupted_while_loading
from tests.unit.test_prepare import BIN, cloned

WAITS_S = 30
TARGET = "/nowhere/packages"
UV_TOML = f"""
index-url = "https://company/simple"
native-tls = true
allow-insecure-host = ["one", "two"]
python-preference = "only-managed"
[pip]
target = "{TARGET}"
find-links = ["/wheels", "/more"]
[[index]]
name = "pytorch"
url = "https://company/torch"
explicit = true
[[index]]
name = "ours"
url = "https://company/ours"
[[index]]
url = "https://company/all"
default = true
"""
PIP_CONF = f"""
[global]
index-url = https://company/simple
extra-index-url =
    https://company/one
    https://company/two
proxy = http://company:3128
[install]
target = {TARGET}
no-binary = :all:
"""
SAYS_WHAT_IT_IS_TOLD = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"


def test_of_pips_settings_only_those_about_the_way_to_packages_are_handed_on() -> None:
    listed = f"""
global.index-url='https://company/simple'
global.extra-index-url='\\nhttps://company/one\\nhttps://company/two'
install.target='{TARGET}'
install.no-index='true'
:env:.prefix='/elsewhere'
damaged
"""
    assert of_pip(listed) == {
        "PIP_INDEX_URL": "https://company/simple",
        "PIP_EXTRA_INDEX_URL": "https://company/one https://company/two",
        "PIP_NO_INDEX": "true",
    }


def test_of_uvs_settings_only_those_about_the_way_to_packages_are_handed_on(tmp_path: Path) -> None:
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text(UV_TOML)
    assert of_uv({"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/nowhere"}) == {
        "UV_INDEX_URL": "https://company/simple",
        "UV_NATIVE_TLS": "true",
        "UV_INSECURE_HOST": "one two",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_DEFAULT_INDEX": "https://company/all",
        "UV_INDEX": "ours=https://company/ours",
    }


@pytest.mark.parametrize("text", ["", "[[", "index = 7", 'index = [{}]\nindex-url = "x"', "pip = 7"])
def test_settings_of_uv_that_are_none_stop_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "uv.toml").write_text(text)
    assert of_uv({"UV_CONFIG_FILE": str(tmp_path / "uv.toml")}) == {}


def test_pip_itself_is_told_the_index_and_the_proxy_of_its_files_and_no_target(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text(PIP_CONF)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    told = of_pip(prepare.settings_of_pip(sys.executable))
    assert told["PIP_EXTRA_INDEX_URL"] == "https://company/one https://company/two"
    prepare.run([sys.executable, "-m", "pip", "config", "list"], told)
    said = prepare.LOG.read_text()
    assert ":env:.index-url='https://company/simple'" in said
    assert ":env:.proxy='http://company:3128'" in said
    assert TARGET not in said
    assert "no-binary" not in said


def test_what_the_users_shell_says_of_an_index_goes_first(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://shell/simple")
    prepare.run([sys.executable, "-c", SAYS_WHAT_IT_IS_TOLD], {"PIP_INDEX_URL": "https://file/simple"})
    said = prepare.LOG.read_text()
    assert "https://shell/simple" in said
    assert "https://file/simple" not in said


def test_packages_that_went_elsewhere_leave_no_stamp(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "create", lambda _uv: None)
    monkeypatch.setattr(prepare, "install", lambda _uv, _pins: None)
    bare = tmp_path / "bare" / "bin" / "python"
    bare.parent.mkdir(parents=True)
    bare.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(prepare, "PYTHON", bare)
    with pytest.raises(LabError, match=r"cannot import psutil. Remove its environment \(rm -r .*bare\)"):
        prepare.main("run")
    assert not prepare.stamp("run").exists()


def test_a_python_that_needs_the_libraries_of_a_module_is_told_so_before_anything_is_made(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\n[ -n "$LD_LIBRARY_PATH" ] || exit 127\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib")
    said = rf"{python} starts only with LD_LIBRARY_PATH of your shell.*PYTHON=/usr/bin/python3 bin/lab doctor"
    with pytest.raises(LabError, match=said):
        prepare.main("run")
    assert list(prepare.VENV.iterdir()) == []


@pytest.mark.parametrize("module", ["subprocess", "lab.runtime.programs"])
def test_an_interrupt_while_the_setup_is_being_loaded_is_one_line(module: str) -> None:
    program = (
        f'sys.argv = ["prepare.py", "run"]; runpy.run_path({str(BIN / "prepare.py")!r}, run_name="__main__")'
    )
    done = interrupted_while_loading(module, program)
    assert (done.returncode, done.stderr) == (130, "lab: Interrupted. The next command goes on.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_the_setup_has_started_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    """uv is what it starts first: here one that makes an environment for ever, in a child of its own."""
    uv, new, pid = tmp_path / "programs" / "uv", tmp_path / "new", tmp_path / "pid"
    uv.parent.mkdir()
    for_ever = f"sleep 60 & echo $! >{new}; mv {new} {pid}; wait"
    uv.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{for_ever}\n')
    uv.chmod(0o755)
    env = {"PATH": f"{uv.parent}:{os.environ['PATH']}", "PYTHON": sys.executable, "HOME": str(tmp_path)}
    ready = f"import signal, sys; signal.signal({int(number)}, signal.default_int_handler); "
    ready += "import os; os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", ready, str(cloned(tmp_path / "clone")), "run"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as setup:
        give_up = time.monotonic() + WAITS_S
        while not pid.exists():
            assert time.monotonic() < give_up
            assert setup.poll() is None
            time.sleep(0.02)
        setup.send_signal(number)
        _, said = setup.communicate(timeout=WAITS_S)
    assert setup.returncode == 130
    assert said.endswith("lab: Interrupted. The next command goes on.\n")
    assert "Traceback" not in said
    while started(int(pid.read_text())) is not None:  # killed, and not yet dead
        assert time.monotonic() < give_up
