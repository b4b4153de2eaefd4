"""The machine and the user's place on it: Python, folders, disks, limits, ports, cores."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.doctor.finding import LOCAL, Finding
from lab.model import LabError
from lab.runtime.ports_free import HIGHEST, LOWEST

DISK_NEEDED_BYTES = 2_000_000_000  # a local stack, the builds, and a few dozen runs
CORES_NEEDED = 2
PORTS_NEEDED = 14  # two twins of seven
DESCRIPTORS_NEEDED = 1_024


def python(version: tuple[int, ...]) -> Finding:
    found = f"Python {'.'.join(map(str, version))} on {platform.system()} {platform.machine()}"
    if version >= (3, 11):
        return Finding(name="python", ok=True, found=found)
    return Finding(
        name="python", ok=False, found=found, rules_out="everything",
        fix="install Python 3.11 or newer, or name one: PYTHON=/path/to/python3 bin/lab doctor",
    )  # fmt: skip


def environment(venv: Path) -> Finding:
    """Whether the lab runs in the environment that bin/lab keeps up to date."""
    if Path(sys.prefix).resolve() == venv.resolve():
        return Finding(name="environment", ok=True, found=f"{venv}, as pinned in requirements/")
    return Finding(
        name="environment", ok=False, found=f"running in {sys.prefix}, whose packages are not pinned",
        rules_out="runs that others can repeat", fix="start the lab with bin/lab, which makes its own environment",
    )  # fmt: skip


def account(*needs: Callable[[], None]) -> Finding:
    """Whether the user has what PostgreSQL needs of him: a name and, if he is root, the right to be somebody else."""
    try:
        for need in needs:
            need()
    except LabError as error:
        told, _, fix = str(error).partition(". ")
        return Finding(name="user", ok=False, found=told, rules_out=LOCAL, fix=fix)
    return Finding(name="user", ok=True, found=f"user id {os.geteuid()}")


def folders(needed: Mapping[str, Path]) -> Finding:
    """Whether the lab can write everywhere it must: `needed` says what it writes, and where."""
    closed = {use: path for use, path in needed.items() if not _writable(path)}
    if not closed:
        return Finding(name="folders", ok=True, found=", ".join(map(str, needed.values())))
    return Finding(
        name="folders", ok=False, found="; ".join(f"{path} ({use}) is not writable" for use, path in closed.items()),
        rules_out="all runs", fix="work in a clone of your own, or set TMPDIR or LAB_CACHE to another folder",
    )  # fmt: skip


def _writable(folder: Path) -> bool:
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 - never raises
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def modes(require_modes: Callable[[], None]) -> Finding:
    """Whether what the lab makes for its user alone is closed to others."""
    try:
        require_modes()
    except LabError as error:
        told, _, fix = str(error).partition(". ")
        return Finding(
            name="file modes", ok=False, found=told, rules_out="all runs", fix=fix.removesuffix(".")
        )
    return Finding(name="file modes", ok=True, found="files made for you alone are closed to others")


def cache(folder: Path) -> Finding:
    """Whether the cache is ours alone: programs in it are run, so nobody else may have put them there."""
    there = folder.lstat() if os.path.exists(folder) else None  # noqa: PTH110 - never raises
    if there is None or (there.st_uid == os.geteuid() and not there.st_mode & 0o022):
        return Finding(name="cache", ok=True, found=str(folder))
    return Finding(
        name="cache", ok=False, found=f"{folder} belongs to another user, or others can write to it", rules_out=LOCAL,
        fix=f"if it is yours: chmod go-w {folder}; otherwise set LAB_CACHE to a folder of your own",
    )  # fmt: skip


def scratch(find: Callable[[], Path], enters: Callable[[Path], bool]) -> Finding:
    """Whether there is a folder for the twins' data, and the user that PostgreSQL runs as can enter it."""
    try:
        folder = find()
    except LabError as error:
        told, _, fix = str(error).partition(". ")
        return Finding(name="scratch", ok=False, found=told, rules_out=LOCAL, fix=fix)
    if enters(folder):
        return Finding(name="scratch", ok=True, found=f"the twins' data goes to {folder}")
    return Finding(
        name="scratch", ok=False, found=f"the user that PostgreSQL runs as cannot enter {folder}",
        rules_out=LOCAL, fix="choose another folder: TMPDIR=/tmp",
    )  # fmt: skip


def descriptors(hard: int) -> Finding:
    """How many files a process may have open; connections count too. -1 is no limit."""
    if hard < 0 or hard >= DESCRIPTORS_NEEDED:
        return Finding(
            name="open files", ok=True, found="no limit" if hard < 0 else f"up to {hard} per process"
        )
    return Finding(
        name="open files", ok=False, found=f"up to {hard} per process", rules_out="runs with many connections",
        fix=f"raise nofile to {DESCRIPTORS_NEEDED} in /etc/security/limits.conf, then log in again",
    )  # fmt: skip


def disk(free: Mapping[Path, int]) -> Finding:
    """`free` bytes of each disk that is written to."""
    folder, free_bytes = min(free.items(), key=lambda place: place[1])
    found = f"{free_bytes / 1e9:.1f} GB free for {folder}"
    if free_bytes >= DISK_NEEDED_BYTES:
        return Finding(name="disk", ok=True, found=found)
    return Finding(
        name="disk", ok=False, found=found, rules_out="many runs: each takes about ten megabytes",
        fix="bin/lab clean --runs, free some space, or set TMPDIR to a folder on another disk",
    )  # fmt: skip


def ports(reserve: Callable[[int], int]) -> Finding:
    """Whether enough loopback ports are free for two twins."""
    free = reserve(PORTS_NEEDED)
    if free >= PORTS_NEEDED:
        return Finding(
            name="ports", ok=True, found=f"enough free on 127.0.0.1 between {LOWEST} and {HIGHEST}"
        )
    return Finding(
        name="ports", ok=False, found=f"{free} free on 127.0.0.1 between {LOWEST} and {HIGHEST}", rules_out=LOCAL,
        fix="see what listens there: ss -ltnp",
    )  # fmt: skip


def cores(count: int) -> Finding:
    if count >= CORES_NEEDED:
        return Finding(name="cpu", ok=True, found=f"{count} cores")
    return Finding(
        name="cpu", ok=False, found="1 core", rules_out="runs at full rate: load and services wait for each other",
        fix="lower the load: --set load.rate_rps=15",
    )  # fmt: skip
