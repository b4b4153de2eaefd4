"""What a manifest says about a run: the whole plan, and where it was run."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lab import __version__, paths
from lab.model import Json, LabError
from lab.plan.runs import RunPlan
from lab.ports import Testbed
from lab.record import FORMAT, Isolation, Manifest, Status
from lab.runtime.priority import cores as usable_cores
from lab.runtime.programs import output

GIT_TIMEOUT_S = 10


def manifest(
    plan: RunPlan, testbed: Testbed, status: Status, planned: int, t0: float, problem: str = ""
) -> Manifest:
    """The manifest of `plan`, with that many planned requests, which began (or will begin) at the instant `t0`."""
    t0_wall = datetime.fromtimestamp(time.time() + t0 - time.monotonic(), UTC)
    return Manifest(
        format=FORMAT,
        lab_version=__version__,
        commit=plan.commit,
        run=plan.stack.run,
        status=status,
        problem=problem,
        runtime=testbed.runtime,
        scenario=plan.scenario,
        quick=plan.quick,
        settings=plan.settings,
        predicted=plan.predicted,
        seed=plan.seed,
        phases=plan.phases,
        switches=plan.switches,
        shots=plan.shots,
        twins=plan.twins,
        sizes=plan.stack.sizes,
        planned=planned,
        history_ops=tuple(sorted(plan.workload.history_ops)),
        t0=t0,
        t0_wall=t0_wall.isoformat() if t0 else "",
        isolation=isolation(usable_cores(), len(plan.twins), pinned=bool(testbed.facts().get("cores"))),
        facts=testbed.facts(),
        machine=machine(),
    )


def cores_of(facts: Mapping[str, Any], twin: str) -> tuple[int, ...]:
    """The cores that the twin has to itself; none if it has none."""
    return tuple(map(int, filter(None, facts.get("cores", {}).get(twin, "").split(","))))


def isolation(cores: int, twins: int, *, pinned: bool) -> Isolation:
    if cores < twins:
        return Isolation.SHARED
    return Isolation.PINNED if pinned else Isolation.UNPINNED


def machine() -> Mapping[str, Json]:
    """The machine of the run, as far as the standard library knows it."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cores": usable_cores(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit that runs, with "+" if files differ from it; "" outside a checkout."""
    git = ("git", "-c", f"safe.directory={paths.ROOT}")
    try:
        head = output((*git, "rev-parse", "--short=12", "HEAD"), timeout_s=GIT_TIMEOUT_S, cwd=paths.ROOT)
        changed = output((*git, "status", "--porcelain"), timeout_s=GIT_TIMEOUT_S, cwd=paths.ROOT)
    except LabError:
        return ""
    return head.strip() + ("+" if changed else "")
