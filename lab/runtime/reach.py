"""Why the Docker engine cannot be used: each cause has its own sentence, with the next step."""

from __future__ import annotations

import grp
import os
import platform
import pwd
import shutil
import socket
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.runtime.docker_client import DEFAULT, Address
from lab.runtime.programs import as_root

UNIX, TCP, SSH = "unix://", "tcp://", "ssh://"
PORT = 2375
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
TIMEOUT_S = 2.0
CREDENTIALS = struct.Struct("3i")  # of a process: pid, user, group
MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # that engines leave in their containers

# By the error of a connection.
WHY: Mapping[type, str] = {
    FileNotFoundError: "there is no such socket",
    ConnectionRefusedError: "nothing listens there",
    socket.gaierror: "no machine has that name",
    TimeoutError: f"no answer within {TIMEOUT_S:g} s",
}
# What an engine calls it when the ids of users inside its containers are others than outside.
REMAPPING = {"name=rootless": "rootless mode", "name=userns": "userns-remap"}


class NoSocketError(OSError):
    """Where the engine's socket should be is something else."""


class Absent(str):
    """No engine is at the default address, and nobody has named another: this surprises nobody."""

    __slots__ = ()


def unreachable(address: Address, said: str, step: str = "") -> str:
    """No engine answers at `address`; `said` is what the client said, `step` what to do if it is needed.

    Absent where that is the ordinary case.
    """
    error = _obstacle(address.host)
    if isinstance(error, PermissionError) and address.host.startswith(UNIX):
        return (
            f"You are not allowed to use the Docker engine at {address}: permission denied. "
            f"{_admission(_path(address))}"
        )
    why = WHY.get(type(error)) or getattr(error, "strerror", None) or str(error or said).rstrip(".")
    if isinstance(error, NoSocketError) and address.is_default:
        step = _clear(_path(address))
    sentence = f"No Docker engine answers at {address}: {why}. {step or _next_step(address, error)}"
    return Absent(sentence) if error is not None and address.named_by == DEFAULT else sentence


def _next_step(address: Address, error: Exception | None) -> str:
    if not address.is_default:
        start = "Name a socket" if isinstance(error, NoSocketError) else "Start that engine"
        return f"{'Correct the address' if isinstance(error, ValueError) else start}, or {address.undo}."
    start = as_root("systemctl start docker")
    if isinstance(error, FileNotFoundError) and not _installed():
        return (
            f"Install Docker (Debian: {as_root('apt install docker.io')}), start it ({start}), "
            "or name another engine with DOCKER_HOST."
        )
    return f"Start it ({start}), or name another one with DOCKER_HOST."


def _installed() -> bool:
    """Whether this machine has an engine. On Debian its folder is not on everybody's PATH."""
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}") is not None


def _clear(path: Path) -> str:
    """How to make room for the engine's socket. A folder comes from a container that was to have the socket."""
    remove = as_root(f"{'rmdir' if path.is_dir() else 'rm'} {path}")
    return f"Remove it ({remove}), then start Docker ({as_root('systemctl restart docker')})."


def _admission(path: Path) -> str:
    """How the user gets the permission that the socket at `path` denies."""
    try:
        there = path.stat()
        group, user = grp.getgrgid(there.st_gid), pwd.getpwuid(os.geteuid()).pw_name
    except (OSError, KeyError):
        return f"See who may: ls -ld {path}."
    closed = not there.st_mode & stat.S_IWGRP or there.st_gid == 0
    if closed or there.st_gid in (os.getegid(), *os.getgroups()):
        return f"See who may: ls -ld {path}."
    if user in group.gr_mem:
        return f"You are in its group ({group.gr_name}) now, but were not when you logged in: log in again."
    return f"Join its group ({as_root(f'usermod -aG {group.gr_name} $USER')}) and log in again."


def elsewhere(address: Address) -> str | None:
    """The engine is reached by ssh: its address says so, before anybody connects."""
    if not address.host.startswith(SSH):
        return None
    return (
        f"The Docker engine at {address} is reached by ssh, so the lab treats it as another machine, "
        f"with its own clock. {_leave(address)}"
    )


def remapped(address: Address, info: Mapping[str, Any]) -> str | None:
    """The engine remaps user ids, so that nobody in a container is the owner of the run's folder."""
    options = [str(option).partition(",")[0] for option in info.get("SecurityOptions") or ()]
    modes = [REMAPPING[option] for option in options if option in REMAPPING]
    if not modes:
        return None
    return (
        f"The Docker engine at {address} remaps user ids ({modes[0]}), "
        "so load and probes could not write into the run's folder. "
        "Use --runtime local, or name another engine with DOCKER_HOST."
    )


def foreign(address: Address, info: Mapping[str, Any]) -> str | None:
    """The engine's containers run on another kernel than this process, with another clock, or outside its container."""
    same_kernel, same_name = info["KernelVersion"] == platform.release(), info["Name"] == socket.gethostname()
    if same_kernel and address.host.startswith(UNIX):
        inside = _sees_who_listens(_path(address)) and (same_name or not any(mark.exists() for mark in MARKS))
        return None if inside else _outside(address, info["Name"])
    if same_kernel and same_name:
        return None
    return (
        f"The Docker engine at {address} runs on another kernel ({info['Name']}, {info['OperatingSystem']}), "
        f"so its containers do not share this machine's clock. {_leave(address)}"
    )


def _outside(address: Address, name: str) -> str:
    return (
        f"The lab runs in a container, and the Docker engine at {address} outside of it, on {name}: other containers "
        "would not find the lab's folders, nor the lab their ports. Use --runtime local, or start the lab outside of "
        "its container."
    )


def _sees_who_listens(path: Path) -> bool:
    """Whether who listens at the socket is among the processes that we can see: to a container, others have pid 0."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    except (OSError, AttributeError):  # it has gone, or this is not Linux
        return True
    return bool(CREDENTIALS.unpack(told)[0])


def _leave(address: Address) -> str:
    """How to do without this engine."""
    return f"Use --runtime local, or {address.undo}." if address.undo else "Use --runtime local."


def _path(address: Address) -> Path:
    return Path(address.host.removeprefix(UNIX))


def _obstacle(host: str) -> Exception | None:
    """What keeps us from connecting; None if somebody accepts."""
    try:
        _connect(host)
    except (OSError, ValueError) as error:
        return error
    return None


def _connect(host: str) -> None:
    """Raises OSError if nothing accepts the connection, ValueError for an invalid address."""
    if host.startswith(UNIX):
        path = Path(host.removeprefix(UNIX))
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise NoSocketError(f"that is a {'folder' if path.is_dir() else 'file'}, not a socket")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
    elif host.startswith(TCP):
        named = urlsplit(host)
        socket.create_connection((named.hostname, named.port or PORT), TIMEOUT_S).close()
