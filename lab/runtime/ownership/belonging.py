"""What proves that a thing belongs to a run. A ledger alone does not: it is a file, and anybody can write a file.

It may have come with a copy of a clone, and what it names may belong to somebody else by now. So healing looks for the
run's own mark on the thing itself, and leaves alone whatever has none. For things in Docker, `engine` does that.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

from lab.runtime.ownership.ledger import RUN_MARK

FILE = ".failure-lab"  # in the folder of a run: its id


def make_folder(path: Path, run: str) -> None:
    """A new folder of `run`, for us alone, with its mark. On failure there is none."""
    path.mkdir(mode=0o700)
    try:
        path.chmod(0o700)  # whatever the umask
        (path / FILE).write_text(run)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)  # without its mark nobody would
        raise


def has_folder(run: str, path: Path) -> bool:
    """Whether the folder `path` belongs to `run`: it is marked, or a kill came before it could be marked."""
    with suppress(OSError):
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            return False
        if not any(path.iterdir()):
            return path.name.startswith(f"failure-lab-{run}-")
        return (path / FILE).read_text() == run
    return False


def has_process(run: str, pid: int) -> bool:
    """Whether the process `pid` carries the mark of `run`."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).environ().get(RUN_MARK) == run)
    return False
