"""How many descriptors processes that run may have, and have: prlimit(2) and /proc, which Linux alone has."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from lab.model import LabError
from lab.runtime.programs import ended

PROC = Path("/proc")
LINE = "Max open files"
PRLIMIT_TIMEOUT_S = 5.0


def open_descriptors(pid: int) -> int:
    """How many it has open; 0 where that is not told."""
    with suppress(psutil.Error):
        return int(psutil.Process(pid).num_fds())
    return 0


def soft_limit(pid: int) -> int | None:
    """How many it may have now; None where it has ended, or on other systems than Linux."""
    with suppress(OSError, StopIteration, ValueError):
        lines = (PROC / str(pid) / "limits").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(LINE)).removeprefix(LINE).split()[0])
    return None


def limit(pid: int, soft: int) -> None:
    """The process and what it starts from now on may have `soft`, as far as its hard limit goes.

    Root in a container may not always limit another user's process, but may ask as that user.
    """
    if sys.platform != "linux":
        raise LabError("Only Linux changes the limits of processes that run.")
    try:
        process = psutil.Process(pid)
        hard = process.rlimit(psutil.RLIMIT_NOFILE)[1]
        process.rlimit(psutil.RLIMIT_NOFILE, (soft if hard < 0 else min(soft, hard), hard))
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        command = ["prlimit", "--pid", str(pid), f"--nofile={soft}:"]
        owner = pwd.getpwuid(process.uids().real)
        if os.geteuid() != 0 or ended(command, timeout_s=PRLIMIT_TIMEOUT_S, user=owner).code:
            raise LabError(
                f"The limits of process {pid} cannot be changed: it is {owner.pw_name}'s."
            ) from error
