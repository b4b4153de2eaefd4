"""Whatever a shell, a notebook or a service manager hands on: the lab's process puts it in order first.

Each of these is tried on a process of its own, for they are settings of a whole process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.shell import DESCRIPTORS, WAIT, Interrupts
from tests.interrupting import interrupted_while_loading

ROOT = Path(__file__).parents[2]
SETTLED = "import json, os, resource, signal, subprocess, sys; from lab.shell import settle; settle(); "


def settled(code: str, *, before: str = "", shell: str = "", **options: Any) -> Any:
    """What `code` gives once the lab has settled, started by `shell` ("…; exec" is added); `before` runs first."""
    program = f"{before}{SETTLED}print(json.dumps({code}))"
    command = ["sh", "-c", f'{shell or ":"}; exec "$@"', "sh", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=30, check=True, **options)
    return json.loads(done.stdout)


@pytest.mark.parametrize("umask", [0o002, 0o077, 0o027])
def test_what_the_lab_makes_has_the_same_rights_under_every_umask(umask: int) -> None:
    assert settled("os.umask(0)", umask=umask) == 0o022


def test_the_users_own_umask_is_kept_in_mind() -> None:
    assert settled("sys.modules['lab.shell'].INHERITED.umask", umask=0o027) == 0o027


def test_a_signal_that_was_ignored_on_purpose_stays_ignored() -> None:
    code = "[signal.getsignal(n) == signal.SIG_IGN for n in (signal.SIGHUP, signal.SIGTERM)]"
    assert settled(code, shell="trap '' HUP") == [True, False]


def test_how_children_end_is_seen_although_somebody_ignored_it() -> None:
    before = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    assert settled("subprocess.run(['false']).returncode", before=before) == 1


def test_a_signal_that_was_blocked_gets_through() -> None:
    before = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
    assert settled("len(signal.pthread_sigmask(signal.SIG_BLOCK, []))", before=before) == 0


def test_open_files_are_as_many_as_elsewhere() -> None:
    code = "resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
    assert settled(code, shell="ulimit -Sn 64 && ulimit -Hn 8192") == DESCRIPTORS
    assert settled(code, shell="ulimit -Sn 64 && ulimit -Hn 512") == 512


def test_settings_of_libraries_are_forgotten_and_those_of_the_terminal_kept() -> None:
    hostile = {
        "PGOPTIONS": "-c x=y", "http_proxy": "http://proxy", "LOCUST_USERS": "7", "OPENBLAS_NUM_THREADS": "1",
        "COMPOSE_FILE": "evil.yml", "XDG_CONFIG_HOME": "/evil", "TZ": "Asia/Kolkata",
        "TERM": "dumb", "COLUMNS": "70", "LAB_CACHE": "/cache", "HOME": "/home/me",
    }  # fmt: skip
    left = settled("dict(os.environ)", env=hostile | {"PATH": os.environ["PATH"]})
    assert set(left) - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        "PATH", "http_proxy", "TERM", "COLUMNS", "LAB_CACHE", "HOME",
    }  # fmt: skip


def test_a_browser_gets_all_that_the_shell_had_and_the_lab_only_its_own() -> None:
    shell = {"PATH": os.environ["PATH"], "XAUTHORITY": "/run/me", "WSL_INTEROP": "/run/WSL/1", "COLUMNS": "0"}
    before = """
def seen():
    from lab.shell import as_inherited
    with as_inherited():
        inside = dict(os.environ)
    return inside, dict(os.environ)

"""
    inside, after = settled("seen()", before=before, env=shell)
    assert shell.items() <= inside.items()
    assert not {"XAUTHORITY", "WSL_INTEROP", "COLUMNS"} & set(after)


@pytest.mark.parametrize(("told", "kept"), [("0", None), ("", None), ("wide", None), ("20", "20")])
def test_a_width_at_which_nothing_can_be_read_is_forgotten(told: str, kept: str | None) -> None:
    assert settled("os.environ.get('COLUMNS')", env={"PATH": os.environ["PATH"], "COLUMNS": told}) == kept


def test_a_user_without_a_home_and_a_name_has_one_nowhere() -> None:
    before = "import pwd; pwd.getpwuid = lambda uid: {}[uid]; "
    env = {"PATH": os.environ["PATH"]}
    assert settled("os.path.expanduser('~')", before=before, env=env) == "/nonexistent"


def test_closed_streams_are_nobody_elses_file() -> None:
    code = (
        f"{SETTLED}import tempfile; first = tempfile.TemporaryFile().fileno(); print('unread'); "
        "sys.exit(0 if first > 2 and sys.stdin.read() == '' else 1)"
    )
    command = f'exec {sys.executable} -c "$0" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command, code], cwd=ROOT, timeout=30, check=False).returncode == 0


def test_the_first_interrupt_stops_the_lab_the_second_is_told_to_wait_and_a_third_is_obeyed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        interrupts(2, None)
    interrupts(2, None)
    assert capfd.readouterr().err.encode() == WAIT
    with pytest.raises(KeyboardInterrupt):
        interrupts(2, None)


@pytest.mark.parametrize("module", ["lab.shell", "typer", "lab.cli.output", "lab.cli.commands"])
def test_an_interrupt_while_the_lab_is_being_loaded_is_one_line(module: str) -> None:
    done = interrupted_while_loading(module, 'sys.argv = ["lab", "list"]; import lab.__main__')
    assert (done.returncode, done.stderr) == (130, "lab: Interrupted.\n")
