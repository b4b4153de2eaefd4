"""Ends what killed runs left behind, from their ledgers: first the faults, then processes, containers and folders.

What a ledger names is ended only where it shows by itself that it is the run's (see `belonging`).

Whoever comes first does it, the run's own guardian or `lab heal`; the other waits and finds nothing left to do.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from lab.model import LabError
from lab.runtime.ownership import belonging, engine, foreign, shared_memory
from lab.runtime.ownership.ledger import (
    FOLDER,
    PROCESS,
    SHARED_MEMORY,
    Holdings,
    Owned,
    holdings,
    leftovers,
    process_alive,
)
from lab.runtime.ownership.lock import exclusive
from lab.runtime.ownership.relief import Failure
from lab.runtime.ownership.undoing import undo_faults

LOCK_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.02


def heal(state_dir: Path) -> list[str]:
    """Heal all that dead owners left; returns a line for each thing done, and a Failure for each that could not be.

    A stack that was left up on purpose stays up: only what a fault may have done to it is undone.
    """
    with healing(state_dir):
        standing = [run for run in holdings(state_dir) if run.standing and not run.owner_alive]
        relieved = [line for run in standing for line in undo_faults(run, stays=True)]
        others = [f"left alone: {line}" for line in foreign.closed(state_dir)]
        return others + relieved + heal_leftovers(state_dir)


def take_down(state_dir: Path) -> list[str]:
    """End every stack that was left up on purpose, and say what was ended."""
    with healing(state_dir):
        found = holdings(state_dir)
        standing = [run for run in found if run.genuine and run.published is not None and not run.owner_alive]
        others = [f"left alone: {line}" for line in foreign.told_of(state_dir, "down")]
        return others + [line for run in standing for line in _heal_run(run)]


def heal_leftovers(state_dir: Path) -> list[str]:
    """`heal`, for a caller that is `healing` already."""
    return [line for run in leftovers(state_dir) for line in _heal_run(run)]


@contextmanager
def healing(state_dir: Path) -> Iterator[None]:
    """One healer at a time."""
    with exclusive(state_dir / "heal.lock", LOCK_TIMEOUT_S) as got:
        if not got:
            raise LabError(
                "Another cleanup (bin/lab heal, or a run's guardian) has not ended within "
                f"{LOCK_TIMEOUT_S:g} s. Wait, then try again."
            )
        yield


def _heal_run(run: Holdings) -> Iterator[str]:
    """End everything that one run owns. The ledger stays while there is something that cannot be ended."""
    if not run.genuine:
        yield from _told_of(run.path)
        return
    yield from undo_faults(run, stays=False)
    yield from _end_processes(run.run, [thing for thing in run.owned if thing.kind == PROCESS])
    yield from _end_unrecorded(run.run)
    # Folders last: a file in one may say how to end something else.
    here = sorted(run.owned, key=lambda thing: thing.kind == FOLDER)
    told, failed = _ended(run, [thing for thing in here if thing.kind not in (PROCESS, *engine.REMOVE)])
    in_docker, stuck = _end_in_docker(run)
    yield from told + in_docker
    yield from failed + stuck
    if not failed + stuck:
        run.path.unlink(missing_ok=True)


def _end_in_docker(run: Holdings) -> tuple[list[str], list[str]]:
    """Repeats `_ended` until nothing is left: see `engine.emptied`."""
    things = [thing for thing in run.owned if thing.kind in engine.REMOVE]
    if not things:
        return [], []
    if why := engine.unreachable_for(run):
        return [], [Failure(why)]
    done = engine.emptied(lambda: _ended(run, things))
    return done.removed, done.stuck


def _told_of(ledger: Path) -> Iterator[str]:
    """Leave alone a ledger that is not ours, and say so; remove one that a kill left empty."""
    with suppress(FileNotFoundError):
        if owner := foreign.owner_of(ledger):
            yield f"left alone: {foreign.for_its_owner(ledger, owner)}"
        elif ledger.lstat().st_size:
            where = (
                "copied, or written on another machine or in another container, so the lab does not act on it"
            )
            yield f"left alone: {ledger} was {where}. If nothing it lists is running: rm {ledger}"
        else:
            ledger.unlink()


def _ended(run: Holdings, things: list[Owned]) -> tuple[list[str], list[str]]:
    """A line for each thing that was ended, and one for each that could not be."""
    told: list[str] = []
    failed: list[str] = []
    for thing in things:
        try:
            told += list(_end_other(run, thing))
        except (LabError, OSError) as exc:
            failed.append(Failure(f"could not remove {thing.kind} {thing.key}: {exc}"))
    return told, failed


def _end_processes(run: str, things: list[Owned]) -> Iterator[str]:
    """End the processes: first gently and all at once, then with SIGKILL."""
    alive = [
        thing
        for thing in things
        if process_alive(thing)
        and int(thing.key) != os.getpid()
        and belonging.has_process(run, int(thing.key))
    ]
    for thing in alive:
        _signal(thing, thing.details["stop"])
    _await_end(alive, STOP_TIMEOUT_S)
    for thing in alive:
        _signal(thing, signal.SIGKILL)
        yield f"stopped {thing.details['name']} (pid {thing.key})"
    _await_end(alive, STOP_TIMEOUT_S)


def _await_end(things: list[Owned], timeout_s: float) -> None:
    give_up = time.monotonic() + timeout_s
    while any(process_alive(thing) for thing in things) and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _end_unrecorded(run: str) -> Iterator[str]:
    """Processes that belong to the run but did not get into the ledger before the kill, or left their group.

    Until none is found: one may have started another meanwhile, and a killed process takes a moment to end.
    """
    told: set[int] = set()
    give_up = time.monotonic() + STOP_TIMEOUT_S
    while found := [process for process in belonging.processes(run) if process.pid != os.getpid()]:
        for process in found:
            with suppress(psutil.Error):
                process.kill()
                if process.pid not in told:
                    told.add(process.pid)
                    yield f"stopped pid {process.pid}, which belonged to the run"
        if time.monotonic() > give_up:
            return
        time.sleep(POLL_S)


def _end_other(run: Holdings, thing: Owned) -> Iterator[str]:
    """Remove a folder, memory that a server left, or a thing in Docker; never what belongs to somebody else."""
    path = Path(thing.key)
    if thing.kind in engine.REMOVE:
        mine = engine.has(run, thing.kind, thing.key)
        if mine and engine.docker(run, *engine.REMOVE[thing.kind], thing.key) is not None:
            yield f"removed {thing.kind} {thing.key}"
    elif thing.kind == SHARED_MEMORY:
        mine = any(belonging.has_folder(run.run, folder) for folder in path.parents)
        if mine and shared_memory.free(path):
            yield f"freed the shared memory of {thing.key}"
    elif thing.kind != FOLDER:
        raise LabError("only a newer version of the lab can do that")
    elif belonging.has_folder(run.run, path):
        belonging.remove_folder(path)
        yield f"removed {path}"


def _signal(thing: Owned, number: int) -> None:
    if process_alive(thing):  # else its pid may be someone else's by now
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(thing.key), number)
