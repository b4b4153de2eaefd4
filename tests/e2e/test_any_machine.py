"""Whatever the machine, the shell, the home folder, the current folder and the path of the clone are like."""

from __future__ import annotations

import json
import os
import pwd
import shutil
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
from tests.e2e.machines import ORDINARY, clone, may_be_apart, offline, opening, unkind
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
def open_place() -> Iterator[Path]:
    """A folder that every user can enter, as pytest's own folders cannot be."""
    with tempfile.TemporaryDirectory(prefix="Zwischen ablage ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def somebody_else() -> pwd.struct_passwd | None:
    """An ordinary user, if we are root and may become him where he can get to all that a run needs."""
    return pwd.getpwnam(ORDINARY) if may_be_apart() and shutil.which("setpriv") else None


def prepared(place: Path, user: pwd.struct_passwd | None) -> dict[str, str]:
    """A hostile home and current folder, a TMPDIR and a cache in `place`, all of `user`; returns the shell with them.

    The cache of what is built is no setting: the run should not have to build Toxiproxy.
    """
    for name, text in HOSTILE_FILES.items():
        for folder in (place / "home", place / "here"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    (place / "scratch").mkdir(mode=0o755)
    built = cache() / "toxiproxy"
    if user and built.is_dir():
        shutil.copytree(built, place / "cache" / "toxiproxy")
    for path in (place, *place.rglob("*")) if user else ():
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    caches = place / "cache" if user else cache()
    own = {"HOME": str(place / "home"), "TMPDIR": str(place / "scratch"), "LAB_CACHE": str(caches)}
    return {"PATH": os.environ["PATH"], **HOSTILE_SHELL, **own}


@pytest.mark.parametrize(
    ("umask", "ordinary"), [("002", True), pytest.param("077", False, marks=pytest.mark.long)]
)
def test_nothing_of_the_users_machine_changes_a_verdict(
    needs_local: None, tmp_path: Path, open_place: Path, umask: str, ordinary: bool
) -> None:
    """Settings for every tool that the lab starts or imports, a clone and a TMPDIR with blanks, letters and markup in
    their paths, few open files, an ignored hangup; and, where root tests, no network and a full /dev/shm. The run is
    an ordinary user's, and in the long round the tester's own."""
    user = somebody_else() if ordinary else None
    mine = clone(open_place / "mein [red] Größen-Labor")
    shell = prepared(open_place, user)
    (mine / ".venv").symlink_to((ROOT / ".venv").resolve())
    python = (ROOT / ".venv" / "bin" / "python").resolve()
    needed = [(ROOT / ".venv").resolve(), python.parents[1]]
    before = opening(needed, tmp_path / "aside") if user else []
    done = subprocess.run(
        [*unkind(apart=may_be_apart(), umask=umask, user=user, before=before), str(mine / "bin" / "lab"), "run",
         ON_ANY_MACHINE, "--quick", "--json", "--again", "4", "--runtime", "local"],
        cwd=open_place / "here", env=shell, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    run = mine / "runs" / json.loads(done.stdout)["run"]
    assert "data:image/svg+xml" in (run / "report.html").read_text()
    assert differences(run) == []
    assert list((open_place / "scratch").iterdir()) == []
    assert (run / "report.html").stat().st_uid == (user.pw_uid if user else os.geteuid())


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
