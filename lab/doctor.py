"""What this machine has of all that the lab can use, what that rules out, and the command that would fix it.

It only looks: nothing is built, started or downloaded. Each part is examined by a function of its own, which takes what
it looks at as arguments; `examine` asks them all about the real machine.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.model import LabError
from lab.paths import ROOT
from lab.runtime.local.parts import WHEELS, installing
from lab.runtime.local.parts.wheels import Wheel
from lab.runtime.ports_free import HIGHEST, LOWEST, Ports
from lab.runtime.toxiproxy import build as toxiproxy_build
from lab.runtime.toxiproxy import server as toxiproxy_server
from lab.runtime.toxiproxy.server import Engine

LOCAL = "the local runtime"
DOCKER = "the docker runtime"
DISK_NEEDED_BYTES = 2_000_000_000  # a local stack, the builds, and a few dozen runs
CORES_NEEDED = 2
PORTS_NEEDED = 14  # two twins of seven


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One part of the machine. `rules_out` and `fix` are "" where it is `ok`."""

    name: str
    ok: bool
    found: str
    rules_out: str = ""
    fix: str = ""


def examine() -> list[Finding]:
    """All findings, in the order in which a newcomer would fix them."""
    from lab.runtime.containers import testbed as docker
    from lab.runtime.containers.engine import compose_version

    return [
        python(sys.version_info[:3]),
        environment(ROOT / ".venv"),
        database(installing.find_binaries),
        *(part(wheel, used_as) for used_as, wheel in WHEELS.items()),
        proxy(toxiproxy_server.look),
        go(toxiproxy_build.go()),
        docker_engine(docker.available, compose_version),
        docker_images(docker.available, docker.images_present),
        disk(shutil.disk_usage(ROOT).free),
        ports(_reserve),
        cores(os.cpu_count() or 1),
    ]


def python(version: tuple[int, ...]) -> Finding:
    found = f"Python {'.'.join(map(str, version))} on {platform.system()} {platform.machine()}"
    if version >= (3, 11):
        return Finding(name="python", ok=True, found=found)
    return Finding(
        name="python", ok=False, found=found, rules_out="everything",
        fix="install Python 3.11 or newer, or name one: PYTHON=/path/to/python3 bin/lab doctor",
    )  # fmt: skip


def environment(venv: Path) -> Finding:
    """Whether the lab runs in the environment that bin/lab keeps up to date."""
    if Path(sys.prefix).resolve() == venv.resolve():
        return Finding(name="environment", ok=True, found=f"{venv}, as pinned in requirements/")
    return Finding(
        name="environment", ok=False, found=f"running in {sys.prefix}, whose packages nobody pinned",
        rules_out="runs that others can repeat", fix="start the lab by bin/lab, which makes an environment of its own",
    )  # fmt: skip


def database(binaries: Callable[[], Path]) -> Finding:
    try:
        found = binaries()
    except LabError as error:
        return Finding(
            name="postgresql", ok=False, found=str(error), rules_out=LOCAL,
            fix="name an own build by LAB_POSTGRES=/path/to/bin, or use --runtime docker",
        )  # fmt: skip
    return Finding(name="postgresql", ok=True, found=f"PostgreSQL in {found}")


def part(wheel: Wheel, used_as: str) -> Finding:
    """A server that some scenarios need."""
    name = wheel.name.lower()
    try:
        found = wheel.find()
    except LabError as error:
        return Finding(
            name=name, ok=False, found=str(error), rules_out=f"scenarios with a {used_as} in {LOCAL}",
            fix=f"name an own build by {wheel.variable}=/path/to/{wheel.file}, or use --runtime docker",
        )  # fmt: skip
    return Finding(name=name, ok=True, found=f"{wheel.name}, for scenarios with a {used_as}: {found}")


def proxy(look: Callable[[], Engine | None]) -> Finding:
    """The engine in the links. The embedded proxy does for all scenarios, so nothing is ruled out but the real one."""
    try:
        engine = look()
    except LabError as error:
        return Finding(
            name="toxiproxy", ok=False, found=str(error), rules_out=LOCAL, fix="unset LAB_TOXIPROXY"
        )
    if engine is None:
        note = toxiproxy_build.failure()
        if not note.exists():
            return Finding(name="toxiproxy", ok=True, found="not built yet: the first local run builds it")
        return Finding(
            name="toxiproxy", ok=False, found=f"could not be built: {note.read_text()}; the embedded proxy steps in",
            rules_out="the real Toxiproxy in the local runtime",
            fix=f"put toxiproxy-server 2.12 on PATH, or see that Go modules can be downloaded, then: rm {note}",
        )  # fmt: skip
    found = f"{engine.name} {engine.version}, {engine.reason}: {engine.argv[0]}"
    return Finding(name="toxiproxy", ok=True, found=found)


def go(compiler: Path | None) -> Finding:
    if compiler:
        return Finding(name="go", ok=True, found=str(compiler))
    return Finding(name="go", ok=True, found="not here; if Toxiproxy must be built, Go comes from a package")


def docker_engine(available: Callable[[], str | None], compose_version: Callable[[], str]) -> Finding:
    """The engine and its Compose plugin: one is of no use without the other."""
    reason = available()
    if reason is None:
        return Finding(name="docker", ok=True, found=f"an engine answers, Compose {compose_version()}")
    return Finding(
        name="docker", ok=False, found=reason, rules_out=DOCKER,
        fix="Debian: apt install docker.io, start it, and build today's Compose: compose/offline/compose-plugin/build",
    )  # fmt: skip


def docker_images(available: Callable[[], str | None], present: Callable[[], bool]) -> Finding:
    if available() is not None:
        return Finding(
            name="docker images", ok=False, found="no engine to ask", rules_out=DOCKER, fix="as above"
        )
    if present():
        return Finding(name="docker images", ok=True, found="the lab's images are there")
    return Finding(
        name="docker images", ok=False, found="not built yet", rules_out="--runtime auto taking Docker",
        fix="bin/lab up --runtime docker builds them; where nothing can be pulled: compose/offline/build",
    )  # fmt: skip


def disk(free_bytes: int) -> Finding:
    found = f"{free_bytes / 1e9:.1f} GB free"
    if free_bytes >= DISK_NEEDED_BYTES:
        return Finding(name="disk", ok=True, found=found)
    return Finding(
        name="disk", ok=False, found=found, rules_out="many runs: each takes some ten megabytes",
        fix="bin/lab clean --runs, or make room",
    )  # fmt: skip


def ports(reserve: Callable[[int], int]) -> Finding:
    """Whether enough loopback ports are free for two twins."""
    free = reserve(PORTS_NEEDED)
    if free >= PORTS_NEEDED:
        return Finding(
            name="ports", ok=True, found=f"enough free on 127.0.0.1 between {LOWEST} and {HIGHEST}"
        )
    return Finding(
        name="ports", ok=False, found=f"{free} free on 127.0.0.1 between {LOWEST} and {HIGHEST}", rules_out=LOCAL,
        fix="see what listens there: ss -ltnp",
    )  # fmt: skip


def cores(count: int) -> Finding:
    if count >= CORES_NEEDED:
        return Finding(name="cpu", ok=True, found=f"{count} cores")
    return Finding(
        name="cpu", ok=False, found="1 core", rules_out="runs at full rate: load and services wait for each other",
        fix="lower the load: --set load.rate_rps=15",
    )  # fmt: skip


def _reserve(wanted: int) -> int:
    """How many of `wanted` ports can be had now; all are given back."""
    held, had = Ports(), 0
    with suppress(LabError):
        while had < wanted:
            held.reserve()
            had += 1
    held.release()
    return had
