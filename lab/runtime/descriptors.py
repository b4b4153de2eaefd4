"""How many file descriptors running processes may have, and do have: by prlimit(2) and /proc, on Linux only."""

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
    """How many it has open; 0 if unknown."""
    with suppress(psutil.Error):
        return int(psutil.Process(pid).num_fds())
    return 0


def soft_limit(pid: int) -> int | None:
    """How many it may have now; None if it has ended, or if this is not Linux."""
    with suppress(OSError, StopIteration, ValueError):
        lines = (PROC / str(pid) / "limits").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(LINE)).removeprefix(LINE).split()[0])
    return None


def limit(pid: int, soft: int) -> None:
    """Allow the process and its later children `soft` descriptors, but not more than its hard limit.

    Root in a container may not always limit another user's process, but can do it as that user.
    """
    if sys.platform != "linux":
        raise LabError("Only Linux can change the limits of running processes.")
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
