"""Gets everything that any scenario needs, while there is a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.cli.console import say, told
from lab.model import PARTS, SERVICE, LabError, Topology
from lab.runtime.local.testbed import find_programs
from lab.runtime.toxiproxy import server as toxiproxy
from lab.runtime.toxiproxy.server import TOXIPROXY

EVERYTHING = Topology(parts=tuple(part for part in PARTS if part != SERVICE))


def fetch(runtime: str) -> None:
    """Fetch and build what `runtime` needs. bin/lab has installed the packages before this begins."""
    known: Mapping[str, Callable[[], None]] = {"local": _local, "docker": _docker}
    if runtime not in known:
        raise LabError(f"There is nothing to fetch for {runtime!r}. Choose one of {', '.join(known)}.")
    known[runtime]()
    say(f"The {runtime} runtime has all it needs. Set-up, runs and reports now work without a network.")


def _local() -> None:
    """Every server of every topology, run just far enough to tell its version; and the real Toxiproxy."""
    find_programs(EVERYTHING)
    engine = toxiproxy.find()
    if engine.name != TOXIPROXY:
        told(f"Runs will use the embedded proxy: {engine.reason}")


def _docker() -> None:
    from lab.runtime.containers import testbed as docker

    if reason := docker.available():
        raise LabError(f"The docker runtime cannot be used: {reason} See: bin/lab doctor")
    docker.build_images(EVERYTHING)
