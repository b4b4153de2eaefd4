"""`python -m tests.dying_lab STATE POINT GUARDIAN RUNTIME`: a short run, killed before its POINT-th effect.

STATE takes the place of .lab and runs/. Every effect is written to STATE/effects as it comes; POINT 0 kills nothing.
GUARDIAN is "too" where the guardian of the run dies as well, so that all is left to `lab heal`. Before it dies the lab
keeps a copy of its ledgers in STATE/last, for whoever looks for leftovers.
"""

import contextlib
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import psutil

from lab import paths
from lab.cli import assembly, running
from lab.cli.drawing import Drawer
from lab.model import Secrets, Stack
from lab.plan.runs import RunPlan
from lab.runtime import effects
from lab.workload import known
from tests.e2e.breaking_all import SCENARIO

state, point, guardian, runtime = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
lock = threading.Lock()
seen = 0


def observe(effect: str) -> None:
    """One thread at a time; those that wait here die with the lab."""
    global seen  # noqa: PLW0603 - a script
    with lock:
        seen += 1
        with (state / "effects").open("a") as file:
            file.write(effect + "\n")
        if seen == point:
            die()


def die() -> None:
    """Guardian and lab at once, as far as can be: a guardian that sees the lab dead goes to work."""
    if (state / "owned").exists():
        shutil.copytree(state / "owned", state / "last")
    for child in psutil.Process().children() if guardian == "too" else ():
        with contextlib.suppress(psutil.Error):  # it may have ended just now
            if any("ownership.guardian" in word for word in child.cmdline()):
                child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


def planned() -> RunPlan:
    workload = known.find(SCENARIO.workload)
    stack = Stack(
        run=assembly.new_run(SCENARIO.name),
        workload=workload.name,
        twins=assembly.twins(workload, (), "all"),
        secrets=Secrets.fresh(),
        topology=SCENARIO.topology,
        sizes=workload.sizes,
    )
    return RunPlan(
        stack=stack, scenario=SCENARIO, workload=workload, phases=SCENARIO.quick, seed=1, quick=True
    )


paths.STATE, paths.RUNS = state, state / "runs"
effects.observers.append(observe)
drawer = Drawer()
_verdict, folder = running.judged_run(
    planned, runtime, 0, lambda plan: paths.RUNS / plan.stack.run, drawer=drawer
)
drawer.draw(folder)
