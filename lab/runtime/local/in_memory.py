"""A folder in memory, for what servers write while they answer: their metrics, and their workers' heartbeats.

On a disk such a write now and then waits for the disk, and the whole worker with it, for some tenths of a second: the
twin would be blamed. In Docker these files are in memory too.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from lab.runtime.ownership.belonging import make_folder
from lab.runtime.ownership.ledger import Ledger

SHARED = Path("/dev/shm")  # noqa: S108 - everybody's, so the folder has its mark and is closed to others
MOUNTS = Path("/proc/self/mountinfo")
SYSTEMS = (b"tmpfs", b"ramfs")
# Four files of 64 KiB for each worker, of which there are six to fifteen; more of them after crashes. When memory is
# full, a worker that writes there dies (SIGBUS), so there must be some to spare.
NEEDED_BYTES = 16_000_000


def make_folder_in_memory(ordinary: Path, ledger: Ledger) -> Path:
    """A new folder in memory with the name of `ordinary`; `ordinary` itself where there can be none, or no need."""
    if is_in_memory(ordinary) or not _has_room():
        return ordinary
    folder = SHARED / ordinary.name
    owned = ledger.own_folder(folder)
    try:
        make_folder(folder, ledger.run)
    except OSError:
        ledger.disowned(owned)
        return ordinary
    return folder


def is_in_memory(folder: Path) -> bool:
    """Whether the file system of `folder` is in memory, as far as the kernel tells: only Linux does."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}".encode()
    with suppress(OSError):
        mounts = [line.split() for line in MOUNTS.read_bytes().splitlines()]
        return any(mount[2] == number and mount[mount.index(b"-") + 1] in SYSTEMS for mount in mounts)
    return False


def _has_room() -> bool:
    with suppress(OSError):
        return is_in_memory(SHARED) and shutil.disk_usage(SHARED).free >= NEEDED_BYTES
    return False
