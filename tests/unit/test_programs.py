"""What reaches a program of ours from the shell, the home folder and the current folder of whoever starts the lab.

Each of these programs did read such a setting before its environment was made from an allow list.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab import provenance
from lab.model import LabError
from lab.runtime import programs
from lab.runtime.programs import Started, build_environment, ended, environment, output
from tests.stub_service import eventually

ROOT = Path(__file__).parents[2]
SHELL = {
    "PGHOST": "evil", "PGSERVICE": "evil", "PGOPTIONS": "-c work_mem=64",
    "LOCUST_USERS": "7", "LOCUST_HOST": "http://evil",
    "GUNICORN_CMD_ARGS": "--workers 7", "WEB_CONCURRENCY": "7", "PORT": "7", "FORWARDED_ALLOW_IPS": "*",
    "WORKERS": "7", "THREADS": "7", "DEADLINE_S": "30", "DEFENCES": "none", "FLASK_DEBUG": "1",
    "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSTARTUP": "evil.py",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": "/evil",
    "http_proxy": "http://evil", "HTTPS_PROXY": "http://evil", "NETRC": "/evil", "LD_PRELOAD": "",
    "COMPOSE_FILE": "evil.yml", "COMPOSE_PROJECT_NAME": "evil", "CPUS": "0.1", "XDG_CONFIG_HOME": "/evil",
}  # fmt: skip
HOME = {
    ".locust.conf": "users = 7\nhost = http://evil\n",
    ".pg_service.conf": "[evil]\nhost=127.0.0.1\nport=1\n",
    ".netrc": "machine 127.0.0.1 login evil password evil\n",
    ".gitconfig": "[status]\n\tshowUntrackedFiles = no\n",
}
HERE = {
    "locust.conf": "users = 7\n",
    "gunicorn.conf.py": "workers = 7\n",
    "json.py": "raise RuntimeError('a file of the current folder was imported')\n",
}


@pytest.fixture(autouse=True)
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell, a home folder and a current folder full of settings; returns the current folder."""
    for name, files in (("home", HOME), ("here", HERE), ("python", {"sitecustomize.py": "evil = True\n"})):
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    (tmp_path / "home" / ".netrc").chmod(0o600)
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def told(code: str, cwd: Path) -> Any:
    """What Python code, started by the lab in `cwd`, prints as JSON."""
    return json.loads(output([sys.executable, "-c", code], timeout_s=30, cwd=cwd))


def test_a_program_gets_what_is_on_the_list_and_nothing_else() -> None:
    found = json.loads(
        output([sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"], timeout_s=30)
    )
    assert found == environment()
    assert set(found) - set(os.environ) <= {"LANG", "LC_ALL", "TZ", "PYTHONSAFEPATH", "PYTHONNOUSERSITE",
                                            "PYTHONUNBUFFERED", "GIT_CONFIG_NOSYSTEM"}  # fmt: skip
    assert {name for name in found if os.environ.get(name) == found[name]} <= {
        "PATH", "TMPDIR", "LANG", "LC_ALL", "TZ", "PYTHONUNBUFFERED"
    }  # fmt: skip


def test_a_build_keeps_caches_certificates_and_proxies_and_no_other_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/certificates")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    found = build_environment()
    assert (found["HOME"], found["SSL_CERT_FILE"]) == (os.environ["HOME"], "/certificates")
    assert found["http_proxy"] == "http://evil"
    assert not {"PIP_TARGET", "GOFLAGS", "PYTHONWARNINGS", "LD_PRELOAD"} & set(found)


def test_python_runs_nobody_elses_code(hostile: Path) -> None:
    code = "import json, sys; evil = hasattr(sys.modules.get('sitecustomize'), 'evil');"
    code += "print(json.dumps([evil, sys.flags.optimize]))"
    assert told(code, hostile) == [False, 0]


@pytest.mark.thorough
def test_the_lab_itself_takes_no_settings_of_pythons(hostile: Path) -> None:
    shell = {**os.environ, "PYTHONHOME": "/nowhere", "PYTHONPLATLIBDIR": "nowhere", "PYTHONINSPECT": "1"}
    done = subprocess.run(
        [ROOT / "bin" / "lab", "list", "--json"],
        env=shell,
        cwd=hostile,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["name"] == "s00-control"


@pytest.mark.thorough
def test_locust_reads_no_settings(hostile: Path, tmp_path: Path) -> None:
    code = "import json; from locust.argument_parser import get_parser as p; o = p().parse_args([]);"
    assert told(code + "print(json.dumps([o.num_users, o.host]))", tmp_path) == [None, None]


def test_libpq_reads_no_settings(hostile: Path) -> None:
    code = """
import json, psycopg
from psycopg import pq
preset = {o.keyword.decode(): (o.val or b'').decode() for o in pq.Conninfo.get_defaults()}
try:
    psycopg.connect("service=evil connect_timeout=2")
except psycopg.Error as error:
    print(json.dumps([preset["host"], preset["options"], str(error)]))
"""
    host, options, error = told(code, hostile)
    assert (host, options) == ("", "")
    assert 'definition of service "evil" not found' in error


@pytest.mark.thorough
def test_gunicorn_reads_no_settings_but_those_of_its_command_line(hostile: Path) -> None:
    command = [sys.executable, "-m", "gunicorn", "--print-config", "-c", "services/gunicorn.conf.py"]
    text = output(
        [*command, "--bind", "127.0.0.1:7777", "services.dependencies.payments:create_app()"],
        timeout_s=30,
        cwd=ROOT,
        env=environment(TOKEN_KEY="any", PROMETHEUS_MULTIPROC_DIR="/run/metrics"),
    )
    lines = (line.partition("=") for line in text.splitlines())
    shown = {name.strip(): value.strip() for name, _, value in lines}
    assert (shown["workers"], shown["threads"], shown["bind"]) == ("2", "32", "['127.0.0.1:7777']")
    assert shown["worker_tmp_dir"] == "/run/metrics"  # in memory, as the metrics are


def test_requests_reads_no_netrc_and_no_proxies(hostile: Path) -> None:
    code = "import json; from requests import utils as u; a = 'http://127.0.0.1:1';"
    assert told(code + "print(json.dumps([u.get_netrc_auth(a), u.get_environ_proxies(a)]))", hostile) == [
        None,
        {},
    ]


def test_the_commit_is_that_of_the_lab_whatever_git_was_told(
    hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(hostile / "other")], check=True)
    head = output(["git", "-c", f"safe.directory={ROOT}", "rev-parse", "HEAD"], timeout_s=30, cwd=ROOT)
    monkeypatch.setenv("GIT_DIR", str(hostile / "other" / ".git"))
    assert provenance.commit().rstrip("+") == head[:12]


def test_programs_are_started_in_few_places_and_none_hands_on_the_shell_as_it_is() -> None:
    """So that each gets an environment from an allow list, and each passes by the effects of the lab."""
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for top in ("lab", "reports")
        for path in (ROOT / top).rglob("*.py")
    }
    starting = {
        name
        for name, text in sources.items()
        if re.search(r"subprocess\.\w*(run|call|Popen|check)|os\.(exec|spawn|system|popen)", text)
    }
    assert starting <= STARTERS
    assert [
        name
        for name, text in sources.items()
        if re.search(r"\*\*os\.environ|os\.environ \||os\.environ\.copy", text)
    ] == []


STARTERS = {
    "lab/runtime/programs.py",
    "lab/runtime/local/processes.py",
    "lab/runtime/ownership/guardian.py",
    "lab/runtime/ownership/relief.py",  # starts again what a fault had stopped, with the environment that it had
}


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(LabError, match=r"sh did not end within 0\.2 s"):
        ended(["sh", "-c", "sleep 30 & sleep 30"], timeout_s=0.2)
    assert time.monotonic() - started < 10  # the pipe was closed by all who held it


def test_a_program_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(LabError, match=r"sh failed with exit code 3: no such luck"):
        output(["sh", "-c", "echo no such luck >&2; exit 3"], timeout_s=30)


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(LabError, match=r"gizmo cannot be started: No such file or directory"):
        output(["/nowhere/gizmo"], timeout_s=30)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_a_program_left_running_is_ended_although_it_has_ended_itself(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = Started(["sh", "-c", "sleep 30 & echo $! >pid"], cwd=tmp_path)
    eventually(lambda: pid.exists() and bool(pid.read_text()))
    with pytest.raises(LabError, match="did not end"):
        program.finish("", timeout_s=0.5)
    eventually(lambda: not runs(int(pid.read_text())))


def test_a_program_is_dead_when_the_interrupt_that_ended_it_is_told() -> None:
    """What it owned counts as left over only then, and whoever tells what is left asks at once."""
    program, main = Started(["sleep", "30"]), threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGUSR1)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            program.finish("", timeout_s=30)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert program._popen.returncode == -signal.SIGKILL


# It ends itself; what it has started is still tidying up then.
TIDY = "sh -c \"trap 'sleep 0.3; rmdir work; exit' TERM; mkdir work; sleep 30 & wait\" & sleep 30"
STUBBORN = "trap '' TERM; mkdir work; sleep 30"


@pytest.mark.parametrize(("program", "tidy_s", "left"), [(TIDY, 30.0, False), (STUBBORN, 1.0, True)])
def test_a_program_that_people_watch_may_remove_what_it_has_begun_but_not_take_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, tidy_s: float, left: bool
) -> None:
    monkeypatch.setattr(programs, "TIDY_TIMEOUT_S", tidy_s)
    watched = Started(["sh", "-c", program], cwd=tmp_path, shown=True)
    eventually((tmp_path / "work").exists)
    started = time.monotonic()
    with pytest.raises(LabError, match="did not end"):
        watched.finish("", timeout_s=0.5)
    assert (tmp_path / "work").exists() == left
    assert time.monotonic() - started < 10
