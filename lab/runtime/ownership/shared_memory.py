"""The System V shared memory by which PostgreSQL shows that it is running, and which outlives a `kill -9` of it.

Its number is in `postmaster.pid` in the data folder; the server writes that file when it starts and removes it when it
ends cleanly. All other memory that PostgreSQL shares is anonymous or lies in the data folder.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

LINE = 6  # of postmaster.pid, from 0: "<key> <id>"
IPC_RMID = 0


def free(data: Path) -> bool:
    """Free what a killed server of the folder `data` left; False if there is nothing. Only when it has ended."""
    with suppress(OSError, ValueError, IndexError):
        key, number = (int(word) for word in (data / "postmaster.pid").read_text().splitlines()[LINE].split())
        libc = ctypes.CDLL(None, use_errno=True)
        # The number may belong to somebody else by now: the key must lead to the very same segment.
        return bool(libc.shmget(key, 0, 0) == number and libc.shmctl(number, IPC_RMID, None) == 0)
    return False
