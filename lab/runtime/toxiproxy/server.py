"""Finds the program that stands in the links: Toxiproxy 2.12, or the embedded proxy where it cannot be had.

Looked for in this order: LAB_TOXIPROXY (a path, or the word "embedded"), PATH, the lab's cache; then it is built into
the cache. Standard library only: `python -m lab.runtime.toxiproxy.server` runs before the environment is complete.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from lab.model import LabError
from lab.runtime.toxiproxy.build import (
    ANSWER_TIMEOUT_S,
    PROGRAM,
    build_unless_in_vain,
    cached,
    locked,
    version_of,
)

SERIES = "2.12"
TOXIPROXY = "toxiproxy"
EMBEDDED = "embedded"
BIRTHMARK = "birthmark-"  # prefix of the name of the proxy that identifies a server of the lab's
BUILT = "built from its pinned Go module"
ANSWER_MAX_BYTES = 4_096


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The proxy program of this machine. `reason` says why this one, for the doctor and the manifest."""

    name: str
    version: str
    argv: tuple[str, ...]
    reason: str

    def command(self, host: str, port: int, configuration: Path | None = None) -> list[str]:
        """How to start a server with its API on host:port; the current directory must be the repository."""
        configured = ["--config", str(configuration)] if configuration else []
        # Through env(1), so that whoever starts it need not know. At "info" and "warn" it logs a line per connection.
        return [
            "/usr/bin/env",
            "LOG_LEVEL=error",
            *self.argv,
            "--host",
            host,
            "--port",
            str(port),
            *configured,
        ]


@dataclass(frozen=True, kw_only=True)
class Birthmark:
    """A proxy with a name of its own, given to a server by file when it starts: only that server has it.

    A Toxiproxy whose port is taken keeps running while somebody else answers, so an answer alone proves nothing.
    """

    name: str
    listen: str = "127.0.0.1:0"
    upstream: str = "127.0.0.1:1"

    @classmethod
    def of(cls, run: str) -> Birthmark:
        return cls(name=f"{BIRTHMARK}{run}-{secrets.token_hex(8)}")

    def write(self, folder: Path) -> Path:
        """The file with which the server is to be started."""
        path = folder / "toxiproxy.json"
        path.write_text(json.dumps([self._told()]))
        return path

    def seen_at(self, url: str) -> bool:
        """Whether the server that answers at `url` is the one; False also where none answers, or not in HTTP."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{url}/proxies/{self.name}", timeout=ANSWER_TIMEOUT_S) as answer:
                told = json.loads(answer.read(ANSWER_MAX_BYTES))
        except (OSError, HTTPException, ValueError, RecursionError):
            return False
        return isinstance(told, dict) and self._told().items() <= told.items()

    def _told(self) -> dict[str, str | bool]:
        """The proxy in Toxiproxy's own words."""
        return {"name": self.name, "listen": self.listen, "upstream": self.upstream, "enabled": False}


def find(environ: Mapping[str, str] = os.environ) -> Engine:
    """The engine to use, built first if need be. Raises LabError only where LAB_TOXIPROXY names a wrong one."""
    engine = look(environ)
    if engine:
        return engine
    target = cached(environ)
    try:
        with locked(target.parent):
            found = version_of(target) or build_unless_in_vain(target, environ)
    except (LabError, OSError) as error:
        return _embedded(f"Toxiproxy {SERIES} was not found and could not be built: {error}")
    return _toxiproxy(found, target, BUILT)


def look(environ: Mapping[str, str] = os.environ) -> Engine | None:
    """Like `find`, but without building: None if it would have to be built first."""
    chosen = environ.get("LAB_TOXIPROXY", "")
    if chosen == EMBEDDED:
        return _embedded("LAB_TOXIPROXY asks for it")
    if chosen:
        program = Path(chosen).absolute()  # it is started in another folder
        version = version_of(program)
        if not version:
            raise LabError(
                f"LAB_TOXIPROXY names {chosen}, which is not a Toxiproxy server. Set it to a path, or to: embedded"
            )
        return _toxiproxy(version, program, "named by LAB_TOXIPROXY")
    on_path = shutil.which(PROGRAM, path=environ.get("PATH"))
    version = version_of(Path(on_path).absolute()) if on_path else ""
    if on_path and version.startswith(SERIES + "."):
        return _toxiproxy(version, Path(on_path).absolute(), "found on PATH")
    target = cached(environ)
    if version := version_of(target):
        return _toxiproxy(version, target, BUILT)
    return None


def _toxiproxy(version: str, program: Path, reason: str) -> Engine:
    return Engine(name=TOXIPROXY, version=version, argv=(str(program),), reason=reason)


def _embedded(reason: str) -> Engine:
    argv = (sys.executable, "-m", "lab.runtime.toxiproxy.embedded")
    return Engine(name=EMBEDDED, version=SERIES, argv=argv, reason=reason)


if __name__ == "__main__":
    found = find()
    print(f"{found.name} {found.version}: {found.reason}")
