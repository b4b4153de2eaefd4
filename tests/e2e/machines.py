"""Machines that are unkind to whoever starts the lab: what they do to a command, as words to put before it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("bin", "compose", "lab", "loadtests", "reports", "requirements", "scenarios", "services")
LOOPBACK_UP = (
    "import fcntl, socket, struct; "
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 0x41))"  # SIOCSIFFLAGS: up and running
)
NO_NETWORK = f'{sys.executable} -I -c "{LOOPBACK_UP}"'
NO_SHARED_MEMORY = (
    "mount -t tmpfs -o size=4k none /dev/shm && { cat /dev/zero >/dev/shm/full 2>/dev/null || true; }"
)
NARROW = "umask 077 && trap '' HUP && ulimit -Sn 256"


def unkind(*, apart: bool) -> list[str]:
    """A narrow umask, few open files, a hangup that is ignored; `apart` also no network and a full /dev/shm."""
    steps = [NO_NETWORK, NO_SHARED_MEMORY, NARROW] if apart else [NARROW]
    shell = ["sh", "-c", f'{" && ".join(steps)} && exec "$@"', "sh"]
    return ["unshare", "--net", "--mount", *shell] if apart else shell


def offline() -> list[str]:
    """No network but loopback."""
    return ["unshare", "--net", "sh", "-c", f'{NO_NETWORK} && exec "$@"', "sh"]


def may_be_apart() -> bool:
    """Whether a command may have a network and mounts of its own here: as a rule only root's may."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*unkind(apart=True), "true"], capture_output=True, check=False, timeout=30)
    return tried.returncode == 0


def clone(place: Path) -> Path:
    """A copy of this checkout without history, environment and runs."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place
