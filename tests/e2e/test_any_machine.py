"""Whatever the machine, the shell, the home folder, the current folder and the path of the clone are like."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.runtime.ownership.ledger import holdings
from lab.runtime.toxiproxy.build import cache
from tests.e2e.machines import clone, may_be_apart, offline, unkind
from tests.independent.comparing import differences
from tests.stub_service import eventually

ROOT = Path(__file__).parents[2]
STOPS_S = 30
HOSTILE_SHELL = {
    "PGHOST": "evil", "PGSERVICE": "evil", "PGOPTIONS": "-c evil=1", "LOCUST_USERS": "7", "LOCUST_RUN_TIME": "1s",
    "WEB_CONCURRENCY": "7", "GUNICORN_CMD_ARGS": "--workers 7", "WORKERS": "1", "THREADS": "2", "DEADLINE_S": "30",
    "DEFENCES": "none", "FLASK_DEBUG": "1", "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "PYTHONHOME": "/nowhere",
    "PYTHONDONTWRITEBYTECODE": "1", "PIP_TARGET": "/nowhere", "PIP_USER": "1", "http_proxy": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": "/nowhere", "GIT_DIR": "/nowhere", "LC_ALL": "en_US.ISO-8859-1", "TERM": "dumb", "COLUMNS": "20",
}  # fmt: skip
HOSTILE_FILES = {
    ".locust.conf": "users = 7\nrun-time = 1s\n",
    "locust.conf": "users = 7\nrun-time = 1s\n",
    "gunicorn.conf.py": "workers = 7\n",
    ".pgpass": "*:*:*:*:evil\n",
    ".pg_service.conf": "[evil]\nhost=evil\n",
    ".netrc": "machine 127.0.0.1 login evil password evil\n",
    "matplotlibrc": "backend: no-such-backend\n",
    ".config/matplotlib/matplotlibrc": "backend: no-such-backend\n",
    "lab/__init__.py": "raise RuntimeError('a folder of the user was imported')\n",
}

ON_ANY_MACHINE = "s11-blackhole"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A TMPDIR that the user whom root runs PostgreSQL as can enter, as pytest's own folders cannot be."""
    with tempfile.TemporaryDirectory(prefix="Zwischen ablage ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_nothing_of_the_users_machine_changes_a_verdict(
    needs_local: None, tmp_path: Path, scratch: Path
) -> None:
    """Settings for every tool that the lab starts or imports, a clone and a TMPDIR with blanks, letters and markup in
    their paths, a narrow umask, few open files, an ignored hangup; and, as root, no network and a full /dev/shm."""
    for name, text in HOSTILE_FILES.items():
        for place in (tmp_path / "home", tmp_path / "here"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
    mine = clone(tmp_path / "mein [red] Größen-Labor")
    (mine / ".venv").symlink_to(ROOT / ".venv")
    # The cache of what is built is no setting: the run should not have to build Toxiproxy.
    shell = HOSTILE_SHELL | {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(scratch),
        "LAB_CACHE": str(cache()),
    }
    done = subprocess.run(
        [*unkind(apart=may_be_apart()), str(mine / "bin" / "lab"), "run", ON_ANY_MACHINE, "--quick", "--json",
         "--again", "2", "--runtime", "local"],
        cwd=tmp_path / "here", env={"PATH": os.environ["PATH"], **shell}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    run = mine / "runs" / json.loads(done.stdout)["run"]
    assert "data:image/svg+xml" in (run / "report.html").read_text()
    assert differences(run) == []
    assert list(scratch.iterdir()) == []


def test_once_all_was_fetched_the_set_up_needs_no_network(tmp_path: Path) -> None:
    if not may_be_apart():
        pytest.skip("takes the right to have a network of one's own")
    mine = clone(tmp_path / "clone")
    done = subprocess.run(
        [*offline(), str(mine / "bin" / "lab"), "list", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@pytest.mark.parametrize("phase", ["starting", "warmup"])
def test_two_interrupts_leave_nothing(needs_local: None, phase: str) -> None:
    command = [sys.executable, "-m", "lab", "run", "s00-control", "--quick", "--runtime", "local"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as lab:
        assert lab.stderr
        assert any(line.startswith(f"  {phase}") for line in lab.stderr)
        time.sleep(0.5)
        programs = [program for program in psutil.Process(lab.pid).children() if not ended(program)]
        lab.send_signal(signal.SIGTERM)  # handled as Ctrl-C is, which whoever runs the tests may ignore
        # It is being handled, and has stopped little: two signals that nobody has seen yet are one.
        eventually(lambda: lab.poll() is not None or any(map(ended, programs)))
        lab.send_signal(signal.SIGTERM)
        told = lab.stderr.read()
        assert lab.wait(STOPS_S) == 130
    if phase == "warmup":  # to end what has hardly begun to start may be quicker than the second signal
        assert "Already stopping" in told
    assert "Traceback" not in told
    assert told.endswith("lab: Interrupted. Everything is healed and stopped.\n")
    assert [run for run in holdings(ROOT / ".lab") if run.leftover] == []


def ended(program: psutil.Process) -> bool:
    try:
        return program.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
