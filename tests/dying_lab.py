"""`python -m tests.dying_lab STATE POINT GUARDIAN WORDS…`: the lab, killed before its POINT-th effect.

STATE takes the place of .lab and runs/. Every effect is written to STATE/effects as it comes; POINT 0 kills nothing.
GUARDIAN is "too" where the guardian of the run dies as well, so that all is left to `lab heal`. Before it dies the lab
keeps a copy of its ledgers in STATE/last, for whoever looks for leftovers.
"""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import psutil

from lab import cli, paths
from lab.runtime import effects

state, point, guardian, words = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
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
        if any("ownership.guardian" in word for word in child.cmdline()):
            child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


paths.STATE, paths.RUNS = state, state / "runs"
effects.observers.append(observe)
sys.argv = ["lab", *words]
cli.main()
