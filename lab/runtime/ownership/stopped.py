"""Which parts of a stack are not running although nobody asked them to stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.runtime.ownership import engine, relief, trees
from lab.runtime.ownership.ledger import CONTAINER, PROCESS, Holdings, process_alive

DEAD, PAUSED = "dead", "paused"


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A process or a container. `healable`: the ledger says how to start it again, or to let it go on."""

    name: str
    how: str
    healable: bool


def stopped(run: Holdings) -> list[Stopped]:
    """Raises LabError where the engine of `run` does not answer."""
    known = {
        str(undo.details.get("name")) for undo in run.undos if undo.how in (relief.START, relief.CONTAINER)
    }
    found = dict(sorted([*_processes(run), *_containers(run)]))
    return [Stopped(name=name, how=how, healable=name in known) for name, how in found.items()]


def _processes(run: Holdings) -> Iterator[tuple[str, str]]:
    """One that was started again is in the ledger twice under its name."""
    processes = [thing for thing in run.owned if thing.kind == PROCESS]
    alive = {str(thing.details["name"]): int(thing.key) for thing in processes if process_alive(thing)}
    for thing in processes:
        name = str(thing.details["name"])
        if name not in alive:
            yield name, DEAD
        elif trees.stopped(alive[name]):
            yield name, PAUSED


def _containers(run: Holdings) -> Iterator[tuple[str, str]]:
    """While a run or a stack starts, a container is in the ledger before it exists, and exists before it runs."""
    mine = [thing.key for thing in run.owned if thing.kind == CONTAINER]
    found = {one.name: one for one in engine.containers(run)} if mine else {}
    starting = run.owner_alive and not run.standing
    for name in mine:
        one = found.get(name)
        if one is None or (one.state == "created" and not one.job):
            if not starting:
                yield name, DEAD
        elif one.state == "paused":
            yield name, PAUSED
        elif not one.job and one.state != "running":
            yield name, DEAD
