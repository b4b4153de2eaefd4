"""The servers and tools that runs are made with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.doctor.finding import DOCKER, LOCAL, Finding
from lab.model import LabError
from lab.runtime.local.parts.wheels import Wheel
from lab.runtime.toxiproxy import build as toxiproxy_build
from lab.runtime.toxiproxy.server import Engine


def database(binaries: Callable[[], Path]) -> Finding:
    try:
        found = binaries()
    except LabError as error:
        return Finding(
            name="postgresql", ok=False, found=str(error), rules_out=LOCAL,
            fix="name your own build: LAB_POSTGRES=/path/to/bin; or use --runtime docker",
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
            fix=f"name your own build: {wheel.variable}=/path/to/{wheel.file}; or use --runtime docker",
        )  # fmt: skip
    return Finding(name=name, ok=True, found=f"{wheel.name}, for scenarios with a {used_as}: {found}")


def proxy(look: Callable[[], Engine | None]) -> Finding:
    """The proxy in the links. The embedded one serves all scenarios, so at worst the real Toxiproxy is ruled out."""
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
            name="toxiproxy", ok=False, found=f"could not be built: {note.read_text()}; the embedded proxy is used",
            rules_out="the real Toxiproxy in the local runtime",
            fix=f"put toxiproxy-server 2.12 on PATH, or make sure that Go modules can be downloaded, then: rm {note}",
        )  # fmt: skip
    found = f"{engine.name} {engine.version}, {engine.reason}: {engine.argv[0]}"
    return Finding(name="toxiproxy", ok=True, found=found)


def go(compiler: Path | None) -> Finding:
    if compiler:
        return Finding(name="go", ok=True, found=str(compiler))
    return Finding(name="go", ok=True, found="not found; if Toxiproxy must be built, Go comes from a package")


def docker_engine(available: Callable[[], str | None], compose_version: Callable[[], str]) -> Finding:
    """The engine and its Compose plugin: one is of no use without the other."""
    reason = available()
    if reason is None:
        return Finding(name="docker", ok=True, found=f"an engine answers, Compose {compose_version()}")
    told, _, fix = reason.removesuffix(".").partition(". ")
    return Finding(name="docker", ok=False, found=told, rules_out=DOCKER, fix=fix)


def docker_images(available: Callable[[], str | None], present: Callable[[], bool]) -> Finding:
    if available() is not None:
        return Finding(
            name="docker images", ok=False, found="not looked for until the docker runtime can be used",
            rules_out=DOCKER, fix="first do what the line about docker says",
        )  # fmt: skip
    if present():
        return Finding(name="docker images", ok=True, found="the lab's images are there")
    return Finding(
        name="docker images", ok=False, found="not built yet", rules_out="Docker under --runtime auto",
        fix="bin/lab prefetch --runtime docker",
    )  # fmt: skip


def docker_real_time(lacking: Callable[[], bool]) -> Finding:
    """Whether load and probes in containers can be woken on time on a busy machine."""
    from lab.runtime.containers.real_time import remedy

    if not lacking():
        return Finding(name="real time", ok=True, found="containers may use real-time priority")
    return Finding(
        name="real time", ok=False, found="this kernel rations it, and gives containers none",
        harm=f"makes it more likely that a run in {DOCKER} is late, and so invalid", fix=remedy(),
    )  # fmt: skip
