"""How many file descriptors running processes may have, and do have: by prlimit(2) and /proc, on Linux only."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from lab.model import LabError
from lab.runtime.programs import HOMELESS, ended

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
    """Allow the process and its later children `soft` descriptors, but not more than its hard limit."""
    if sys.platform != "linux":
        raise LabError("Only Linux can change the limits of running processes.")
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        try:
            hard = process.rlimit(psutil.RLIMIT_NOFILE)[1]
            process.rlimit(psutil.RLIMIT_NOFILE, (soft if hard < 0 else min(soft, hard), hard))
        except psutil.AccessDenied as error:
            if not _limited_as_its_user(process, soft):
                whose = f"it belongs to user {process.uids().real}"
                raise LabError(f"The limits of process {pid} cannot be changed: {whose}.") from error


def _limited_as_its_user(process: psutil.Process, soft: int) -> bool:
    """Root in a container may not always limit another user's process, but can do it as that user.

    By number: the user of PostgreSQL has no name on this machine.
    """
    if os.geteuid() != 0:
        return False
    user, group = process.uids().real, process.gids().real
    as_it = pwd.struct_passwd((str(user), "x", user, group, "", HOMELESS, "/bin/false"))
    command = ["prlimit", "--pid", str(process.pid), f"--nofile={soft}:"]
    return ended(command, timeout_s=PRLIMIT_TIMEOUT_S, user=as_it).code == 0 or not process.is_running()
