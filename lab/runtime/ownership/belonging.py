"""What shows that a thing is a run's. A ledger alone does not: it is a file, and anybody can write a file.

It may have come with a copy of a clone, and what it names may be somebody else's by now. So whoever heals looks for the
run's own mark on the thing itself, and what has none is left alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

from lab.model import LabError
from lab.runtime.docker_client import docker_environment
from lab.runtime.ownership.ledger import CONTAINER, NETWORK, RUN_LABEL, RUN_MARK, VOLUME
from lab.runtime.programs import ended

FILE = ".failure-lab"  # in the folder of a run: its id
DOCKER_TIMEOUT_S = 30.0
LABELS = {
    CONTAINER: ("docker", "container", "inspect", "--format", f'{{{{index .Config.Labels "{RUN_LABEL}"}}}}'),
    NETWORK: ("docker", "network", "inspect", "--format", f'{{{{index .Labels "{RUN_LABEL}"}}}}'),
    VOLUME: ("docker", "volume", "inspect", "--format", f'{{{{index .Labels "{RUN_LABEL}"}}}}'),
}


def make_folder(path: Path, run: str) -> None:
    """A new folder of `run`, for us alone, with its mark."""
    path.mkdir(mode=0o700)
    path.chmod(0o700)  # whatever the umask
    (path / FILE).write_text(run)


def has_folder(run: str, path: Path) -> bool:
    """Whether the folder `path` is of `run`: marked, or as a kill left it that came before the mark."""
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


def has_in_docker(run: str, kind: str, name: str) -> bool | None:
    """Whether the thing of Docker's called `name` carries the label of `run`; None where there is none of that name."""
    done = ended((*LABELS[kind], "--", name), timeout_s=DOCKER_TIMEOUT_S, env=docker_environment())
    if done.code and nothing_there(done.stderr):
        return None
    if done.code:
        raise LabError(done.last_words)
    return done.stdout.strip() == run


def nothing_there(said: str) -> bool:
    """Whether Docker says that there is no such thing."""
    return "no such" in said.lower() or "not found" in said.lower()
