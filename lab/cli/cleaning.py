"""Removes what the lab keeps: its scratch files, and its runs where that is asked for."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lab import paths
from lab.cli.console import say
from lab.cli.healed import parted
from lab.errors import LabError, Unhealed
from lab.record.campaigns import is_campaign
from lab.record.manifest import is_run
from lab.runtime.ownership import foreign
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.ledger import holdings
from lab.runtime.ownership.lock import RUN_LOCK, run_lock

RUN_ID = re.compile(r"\d{8}-\d{6}-.+-[0-9a-f]{4}")  # as lab.cli.assembly.new_run makes them
# All that the lab, its setup and its runs put into the state folder.
OURS = frozenset({
    "docker", "guardian.log", "heal.lock", "logs", "owned", "prepare.lock", "prepare.log", RUN_LOCK,
    "selfcheck", "toxiproxy.log", "up.header",
})  # fmt: skip


def clean_up(*, runs: bool, images: bool) -> None:
    """Heal, stop what is running, then remove. A folder that is a symbolic link stays; what the lab put there goes.

    No run can begin meanwhile. Raises LabError, before anything is done, if `images` cannot be removed.
    """
    remove_images: Callable[[], list[str]] = _remover_of_images() if images else list
    with _alone() as states:
        lines, failed = parted([line for state in states for line in (*heal(state), *take_down(state))])
        failed += [line for state in states for line in not_ours(state)]
        if failed:  # without their ledger nobody would find these things again
            raise Unhealed("\n".join(failed))
        if runs:
            lines.append(f"removed {remove_runs(paths.RUNS)} runs")
        lines += remove_images()
        remove_within(paths.STATE)
    say("\n".join([*lines, "Clean."]))


def not_ours(state: Path) -> Iterator[str]:
    """For each ledger that we may not heal, or not even see, who can. An empty one names nothing."""
    yield from foreign.closed(state, "clean")
    for run in holdings(state):
        with suppress(FileNotFoundError):  # its run has just ended
            file = run.path.lstat()
            if run.genuine or not file.st_size:
                continue
            if owner := foreign.owner_of(run.path):
                yield foreign.for_its_owner(run.path, owner, "clean")
            else:
                hint = f"If nothing it lists is running: rm {shlex.quote(str(run.path))}"
                yield f"What {run.path} names was not started here. {hint}"


@contextmanager
def _alone() -> Iterator[list[Path]]:
    """No run begins meanwhile, neither here nor in the copy of a self-check. Yields the state folders of both."""
    with ExitStack() as locks:
        locks.enter_context(run_lock(paths.STATE))  # from here on nobody makes a copy
        states = paths.states()
        for copy in states[1:]:
            locks.enter_context(run_lock(copy))
        yield states


def _remover_of_images() -> Callable[[], list[str]]:
    """What removes the images. Raises LabError, with the reason, if no engine can be reached."""
    from lab.runtime.containers.claims import remove_images  # rarely needed, slow to import
    from lab.runtime.containers.engine import answering, available, client

    try:
        with answering():
            client().ping()
    except LabError as error:
        reason = available() or str(error)
        raise LabError(f"The images cannot be removed, so nothing was removed: {reason}") from error
    return remove_images


def remove_runs(runs: Path) -> int:
    """Remove every run and campaign below `runs`, and nothing else that lies there; returns how many there were."""
    found = [path for path in runs.iterdir() if is_ours(path)] if runs.is_dir() else []
    for folder in found:
        shutil.rmtree(folder)
    latest = runs / "latest"
    if latest.is_symlink() and not latest.exists():  # it named one of them
        latest.unlink()
    if runs.is_dir() and not runs.is_symlink() and not any(runs.iterdir()):
        runs.rmdir()
    return len(found)


def is_ours(folder: Path) -> bool:
    """A run or a campaign, whole or not; a run that was killed at its start has nothing but its name."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return bool(RUN_ID.fullmatch(folder.name)) or is_run(folder) or is_campaign(folder)


def remove_within(state: Path) -> None:
    """Remove the lab's own folder, the lock of runs last; where it is a link, only what the lab put there."""
    found = list(state.iterdir()) if state.is_dir() else []
    for path in (path for path in found if path.name in OURS or not state.is_symlink()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != RUN_LOCK:
            path.unlink(missing_ok=True)
    (state / RUN_LOCK).unlink(missing_ok=True)
    if state.is_dir() and not state.is_symlink():
        with suppress(OSError):  # not empty: now that the lock is gone, a run may begin
            state.rmdir()
