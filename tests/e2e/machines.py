"""Machines that are unkind to whoever starts the lab: what they do to a command, as words to put before it."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
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
SHORT = "trap '' HUP && ulimit -Sn 256"
ORDINARY = "nobody"  # a user on every machine, whose name PostgreSQL asks for


def unkind(
    *, apart: bool, umask: str = "077", user: pwd.struct_passwd | None = None, before: Iterable[str] = ()
) -> list[str]:
    """An umask, few open files, a hangup that is ignored; `apart` also no network and a full /dev/shm.

    The command runs as `user`, if there is one; `before`: steps that root takes first.
    """
    steps = [*before, *([NO_NETWORK, NO_SHARED_MEMORY] if apart else []), f"umask {umask}", SHORT]
    shell = ["sh", "-c", f'{" && ".join(steps)} && exec "$@"', "sh", *(as_user(user) if user else ())]
    return ["unshare", "--net", "--mount", *shell] if apart else shell


def as_user(user: pwd.struct_passwd) -> list[str]:
    """Root becomes `user`, with none of root's rights and groups."""
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def opening(places: Iterable[Path], stash: Path) -> list[str]:
    """Steps for root, in mounts of its own: then everybody gets to `places`, and to nothing else that was closed."""
    closed = {place: above for place in places if (above := _closed_above(place))}
    kept = {place: stash / str(number) for number, place in enumerate(closed)}
    for folder in kept.values():
        folder.mkdir(parents=True)
    named = {path: shlex.quote(str(path)) for path in (*closed, *closed.values(), *kept.values())}
    return [
        *(f"mount --bind {named[place]} {named[aside]}" for place, aside in kept.items()),
        *(f"mount -t tmpfs -o mode=755 none {named[above]}" for above in sorted(set(closed.values()))),
        *(f"mkdir -p {named[place]}" for place in closed),
        *(f"mount --bind {named[aside]} {named[place]}" for place, aside in kept.items()),
    ]


def _closed_above(place: Path) -> Path | None:
    """The topmost folder on the way to `place` that others may not enter."""
    return next((above for above in reversed(place.parents) if not above.stat().st_mode & 0o001), None)


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
