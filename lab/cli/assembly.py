"""Chooses the adapters: the only place that knows both the ports and what is behind them."""

from __future__ import annotations

import gc
import json
import secrets
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lab import __version__, paths
from lab.cli.console import told
from lab.judge.verdict import judge
from lab.model import Capability, LabError, RunVerdict, Stack, TwinPlan, line_up
from lab.ports import Testbed
from lab.record import RunRecord, Status, list_runs, read_verdict, write_verdict
from lab.record.campaigns import PLAN
from lab.record.codec import plain
from lab.runtime.local.testbed import LocalTestbed
from lab.runtime.programs import ended, output
from lab.runtime.reach import Absent
from lab.workload import Workload

RUNTIMES = ("auto", "local", "docker")
SHORT_TIMEOUT_S = 30
LATEST = "latest"
LEFT_BY_A_RUN = ("schedule.jsonl", "events.jsonl", "verdict.json")
NO_IMAGES = (
    "Docker is not used, because the images of these sources are not all there "
    "(build them: bin/lab prefetch --runtime docker). Running locally."
)


def new_run(scenario: str) -> str:
    """An id for a run that sorts by time: 20261121-083000-s01-db-latency-3fa9."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{scenario}-{secrets.token_hex(2)}"


def testbed(runtime: str, stack: Stack, workload: Workload, needs: frozenset[Capability]) -> Testbed:
    """The testbed that `runtime` asks for; "auto" is docker where an engine answers and has our images.

    Raises LabError, before anything is started, where it cannot do what the run needs.
    """
    check_runtime(runtime)
    if runtime == "local":
        return _able(LocalTestbed(stack, workload, paths.STATE), needs)
    from lab.runtime.containers import testbed as docker

    reason = docker.available()
    if runtime == "auto" and (reason or not docker.images_present(stack.topology)):
        _tell_why_local(reason)
        return _able(LocalTestbed(stack, workload, paths.STATE), needs)
    if reason:
        raise LabError(f"The docker runtime cannot be used: {reason} See: bin/lab doctor")
    docker.build_images(stack.topology)
    return _able(docker.DockerTestbed(stack, workload, paths.STATE), needs)


def _tell_why_local(reason: str | None) -> None:
    """Say why the local runtime is taken, which nobody asked for: for `reason`, or for want of images.

    After an edit they are not there yet. Where there is no engine at all, nobody expects Docker to be used.
    """
    if not isinstance(reason, Absent):
        told(f"{reason} Running locally." if reason else NO_IMAGES)


def check_runtime(runtime: str) -> str:
    """Returns `runtime`; raises LabError if there is none of that name."""
    if runtime not in RUNTIMES:
        raise LabError(f"There is no runtime called {runtime!r}. Choose one of {', '.join(RUNTIMES)}.")
    return runtime


def _able(chosen: Testbed, needs: frozenset[Capability]) -> Testbed:
    """`chosen`, if it offers all that is needed."""
    offers = chosen.offers()
    lacking = [f"{need} ({offers[need]})" for need in sorted(needs) if offers[need]]
    if lacking:
        raise LabError(
            f"The {chosen.runtime} runtime cannot {'; '.join(lacking)}. Try the other one: --runtime "
            f"{'docker' if chosen.runtime == 'local' else 'local'}"
        )
    return chosen


def twins(workload: Workload, wanted: Iterable[str], defences: str) -> tuple[TwinPlan, ...]:
    """The twins of a run: those that `wanted` names (SERVICE or SERVICE:DEFENCES), else the workload's line-up.

    `defences` goes to every service that has defences to switch and does not name its own. Raises LabError for an
    unknown name.
    """
    chosen = []
    for word in tuple(wanted) or workload.line_up:
        name, colon, own = word.partition(":")
        service = workload.services.get(name)
        if service is None:
            raise LabError(
                f"--twin {word}: there is no service {name!r}. Choose one of {', '.join(workload.services)}."
            )
        if colon and not service.switchable:
            raise LabError(f"--twin {word}: {name} has no defences to switch.")
        chosen.append((name, own or (defences if service.switchable else service.defences)))
    for text in {text for name, text in chosen if workload.services[name].switchable}:
        check_defences(text)
    return line_up(chosen, {name: service.defences for name, service in workload.services.items()})


def check_defences(text: str) -> None:
    """Raises LabError for a set of defences that the services would refuse, before anything is started.

    The services are asked in a process of their own: the lab imports none of them.
    """
    if text == "all":
        return
    command = [sys.executable, "-m", "services.defences.choice", text]
    asked = ended(command, timeout_s=SHORT_TIMEOUT_S)
    if asked.code:
        raise LabError(f"{asked.stderr.strip()}. What each defence is for: docs/defences.md")


def awaited() -> dict[str, str]:
    """For each defence, the planned scenario that will need it, according to the services; "" if they name none."""
    said = output([sys.executable, "-m", "services.defences", "--awaited"], timeout_s=SHORT_TIMEOUT_S)
    return dict(json.loads(said))


def grade(folder: Path) -> RunVerdict:
    """Judge a run from its folder alone, and write verdict.json there."""
    write_verdict(folder, _judged(folder))
    return read_verdict(folder)  # as all other readers will see it


def check(folder: Path) -> None:
    """Raises LabError unless verdict.json follows from the evidence beside it: no other verdict is reported."""
    if plain(read_verdict(folder)) != plain(_judged(folder)):
        raise LabError(
            f"{folder / 'verdict.json'} does not match the evidence of the run. Judge it again: "
            f"bin/lab regrade {shlex.quote(str(folder))}"
        )


def _judged(folder: Path) -> RunVerdict:
    record = RunRecord(folder)
    if record.manifest.status is Status.COMPLETE:
        record.verify()
    with _nothing_collected():
        verdict = judge(record)
    another = record.manifest.lab_version != __version__
    return replace(verdict, judged_by=__version__ if another else "")


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Turns garbage collection off: a long run is read into millions of values, none of them in a cycle, and looking
    for garbage among them again and again takes a quarter of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def run_folder(name: str) -> Path:
    """The folder of the run called `name`: its id, a part of it, a path, or "latest"."""
    if name and _is_run(Path(name)):
        return Path(name).resolve()
    if name == LATEST and not (paths.RUNS / LATEST).exists():
        if list_runs(paths.RUNS):
            raise LabError("There is no latest run. Name one: bin/lab runs")
        raise LabError("There are no runs yet. Make one: bin/lab run s01-db-latency --quick")
    if name and _is_run(paths.RUNS / name):
        return (paths.RUNS / name).resolve()
    found = [folder for folder in list_runs(paths.RUNS) if name and name in folder.name]
    if not found:
        if damaged := _damaged(name):
            where = damaged[0].resolve()
            raise LabError(
                f"{where} has no manifest.json: it is damaged. Remove it: rm -r {shlex.quote(str(where))}"
            )
        campaign = name and (paths.RUNS / name / PLAN).exists()
        hint = f"It is a campaign; name one of its runs: {name}/RUN." if campaign else "See: bin/lab runs"
        raise LabError(f"There is no run called {name!r}. {hint}")
    if len(found) > 1:
        raise LabError(f"{name!r} matches {len(found)} runs; name one of them in full. See: bin/lab runs")
    return found[0]


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "manifest.json").exists()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _damaged(name: str) -> list[Path]:
    """The folders called `name`, or with it in their names, that a run has made and that have lost its manifest."""
    folders = [folder for folder in paths.RUNS.glob("*") if name and name in folder.name and folder.is_dir()]
    return [folder for folder in folders if any((folder / left).exists() for left in LEFT_BY_A_RUN)]
