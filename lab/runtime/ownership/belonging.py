"""What proves that a thing belongs to a run. A ledger alone does not: it is a file, and anybody can write a file.

It may have come with a copy of a clone, and what it names may belong to somebody else by now. So healing looks for the
run's own mark on the thing itself, and leaves alone whatever has none. For things in Docker, `engine` does that.

Root in a container may not read the environment of another user's process, where the mark of PostgreSQL is. That one
works in a folder of the run, which has a mark too.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from lab.runtime.effects import about_to
from lab.runtime.ownership.ledger import FOLDER, RUN_MARK, Ledger, read

FILE = ".failure-lab"  # in the folder of a run: its id
EXEC_S, POLL_S = 2.0, 0.005  # how long a process may take to become another program


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
    """Whether the folder `path` belongs to `run`: it is marked, or a kill came before its mark was written."""
    with suppress(OSError):
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            return False
        if all(inside.name == FILE and not inside.lstat().st_size for inside in path.iterdir()):
            return _named_after(run, path)
        return (path / FILE).read_text() == run
    return False


def remove_folder(path: Path) -> None:
    """Remove a folder of a run, its mark last: what a kill leaves of it is still known for the run's."""
    for inside in path.iterdir():
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside)
        elif inside.name != FILE:
            inside.unlink()
    shutil.rmtree(path)


def remove_folders(ledger: Ledger, made: Collection[Path]) -> bool:
    """Remove all folders of the run: those that were `made`, and those that only `ledger` knows of. False if one stays.

    An interrupt while one is made comes before anybody else knows its path.
    """
    named: set[Path] = set()
    with suppress(FileNotFoundError):  # somebody has removed it
        named = {Path(thing.key) for thing in read(ledger.path).owned if thing.kind == FOLDER}
    gone = True
    for folder in sorted({*made, *named}):
        if has_folder(ledger.run, folder):
            about_to("folder: remove")
            try:
                remove_folder(folder)
            except OSError:
                gone = False
    return gone


def has_process(run: str, pid: int) -> bool:
    """Whether the process `pid` carries the mark of `run`, or works in its folder if its environment is hidden."""
    with suppress(psutil.Error):
        return _has(run, psutil.Process(pid))
    return False


def processes(run: str) -> Iterator[psutil.Process]:
    """Every process that belongs to `run` by itself. Those that it has started since may not show it."""
    return (process for process in psutil.process_iter() if _has(run, process))


def _has(run: str, process: psutil.Process) -> bool:
    with suppress(psutil.Error, OSError):  # it has just ended
        _await_its_words(process)
        try:
            return bool(process.environ().get(RUN_MARK) == run)
        except psutil.AccessDenied:
            return _works_in_folder(run, process.cmdline())
    return False


def _await_its_words(process: psutil.Process) -> None:
    """Wait while `process` is in execve: it has a program, but no words or environment yet.

    Whoever started it was told already that it runs. A thread of the kernel never has a program.
    """
    give_up = time.monotonic() + EXEC_S
    while not process.cmdline() and process.exe() and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _works_in_folder(run: str, command: Sequence[str]) -> bool:
    """Whether a word of `command` is a path below a folder of `run`."""
    paths = [Path(word) for word in command if word.startswith("/")]
    return any(
        _named_after(run, folder) and has_folder(run, folder) for path in paths for folder in path.parents
    )


def _named_after(run: str, folder: Path) -> bool:
    return folder.name.startswith(f"failure-lab-{run}-")
