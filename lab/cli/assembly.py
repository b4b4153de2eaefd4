"""Picks the adapters: the one place that knows both the ports and what is behind them."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from lab import catalogue, paths
from lab.judge.verdict import judge
from lab.model import LabError, RunVerdict, Stack
from lab.ports import Testbed
from lab.record import RunRecord, read_verdict, write_verdict
from lab.runtime.local.testbed import LocalTestbed
from lab.runtime.programs import ended, environment, output
from lab.runtime.toxiproxy.build import cache

RUNTIMES = ("auto", "local", "docker")
SHORT_TIMEOUT_S = 30
DRAWING_TIMEOUT_S = 120


def new_run(scenario: str) -> str:
    """An id for a run that sorts by time: 20261121-083000-s01-db-latency-3fa9."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{scenario}-{secrets.token_hex(2)}"


def testbed(runtime: str, stack: Stack) -> Testbed:
    """The testbed that `runtime` asks for; "auto" is docker where an engine answers and has our images."""
    if runtime not in RUNTIMES:
        raise LabError(f"There is no runtime called {runtime!r}. Choose one of {', '.join(RUNTIMES)}.")
    if runtime == "local":
        return LocalTestbed(stack, paths.STATE)
    from lab.runtime.containers import testbed as docker

    reason = docker.available()
    if runtime == "auto" and (reason or not docker.images_present()):
        return LocalTestbed(stack, paths.STATE)
    if reason:
        raise LabError(f"The docker runtime cannot be used: {reason} See: bin/lab doctor")
    docker.build_images()
    return docker.DockerTestbed(stack, paths.STATE)


def check_defences(text: str) -> None:
    """Raises LabError for a set of defences that the services would refuse, before anything is started.

    The services are asked in a process of their own: the lab imports none of them.
    """
    if text == "all":
        return
    command = [sys.executable, "-m", "services.defences.switch", text]
    asked = ended(command, timeout_s=SHORT_TIMEOUT_S)
    if asked.code:
        raise LabError(f"{asked.stderr.strip()}. What each is for: docs/defences.md")


def grade(folder: Path) -> RunVerdict:
    """Judge a run from its folder alone, and write verdict.json there."""
    record = RunRecord(folder)
    scenario = catalogue.find(record.manifest["scenario"]).scenario
    scenario, _phases = catalogue.configure(scenario, record.manifest["quick"], record.manifest["settings"])
    write_verdict(folder, judge(record, scenario))
    return read_verdict(folder)  # as everybody else will read it


def report(folder: Path) -> Path:
    """Draw the figures and write the pages, from what the folder holds; returns report.html.

    Where drawing fails altogether, each figure is a line on the page. Raises LabError where there is no page either.
    """
    read_verdict(folder)  # without one there is nothing to report, and that is no failure of the figures
    command = [sys.executable, "-m", "reports", str(folder.resolve())]
    # One cache of fonts for all runs: to look for them takes a second.
    env = environment(MPLCONFIGDIR=str(cache().absolute() / "matplotlib"))
    try:
        output(command, timeout_s=DRAWING_TIMEOUT_S, env=env)
    except LabError as error:
        output([*command, f"No figure could be drawn: {error}"], timeout_s=DRAWING_TIMEOUT_S, env=env)
    return folder / "report.html"


def run_folder(name: str) -> Path:
    """The folder of the run called `name`: its id, the start of it, a path, or "latest"."""
    if (given := Path(name)).is_dir() and (given / "manifest.json").exists():
        return given.resolve()
    if (paths.RUNS / name / "manifest.json").exists():
        return (paths.RUNS / name).resolve()
    found = sorted(paths.RUNS.glob(f"*{name}*/manifest.json")) if paths.RUNS.is_dir() else []
    if not found:
        raise LabError(f"There is no run called {name!r}. See: bin/lab runs")
    if len(found) > 1:
        raise LabError(f"{name!r} fits {len(found)} runs; name one of them in full. See: bin/lab runs")
    return found[0].parent


def commit() -> str:
    """The commit that runs, with "+" where files differ from it; "" outside a checkout."""
    git = ("git", "-c", f"safe.directory={paths.ROOT}")
    try:
        head = output((*git, "rev-parse", "--short=12", "HEAD"), timeout_s=SHORT_TIMEOUT_S, cwd=paths.ROOT)
        changed = output((*git, "status", "--porcelain"), timeout_s=SHORT_TIMEOUT_S, cwd=paths.ROOT)
    except LabError:
        return ""
    return head.strip() + ("+" if changed else "")
