"""Picks the adapters: the one place that knows both the ports and what is behind them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import reports
from lab import catalogue, paths
from lab.judge.verdict import judge
from lab.model import LabError, RunVerdict, Stack
from lab.ports import Testbed
from lab.record import RunRecord, read_verdict, write_verdict
from lab.runtime.local.testbed import LocalTestbed

RUNTIMES = ("auto", "local", "docker")


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
    asked = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, timeout=30, check=False)
    if asked.returncode:
        raise LabError(f"{asked.stderr.strip()}. What each is for: docs/defences.md")


def grade(folder: Path) -> RunVerdict:
    """Judge a run from its folder alone, and write verdict.json there."""
    record = RunRecord(folder)
    scenario = catalogue.find(record.manifest["scenario"]).scenario
    scenario, _phases = catalogue.configure(scenario, record.manifest["quick"], record.manifest["settings"])
    write_verdict(folder, judge(record, scenario))
    return read_verdict(folder)  # as everybody else will read it


def report(folder: Path, verdict: RunVerdict) -> Path:
    """Draw the figures and write the pages; returns report.html."""
    return reports.render(folder, verdict)


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

    def git(*words: str) -> Any:
        return subprocess.run(
            ["git", *words], cwd=paths.ROOT, capture_output=True, text=True, timeout=10, check=False
        )

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return (
            head.stdout.strip() + ("+" if git("status", "--porcelain").stdout else "")
            if not head.returncode
            else ""
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
