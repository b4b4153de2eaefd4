"""Every way to undo a fault without the lab that made it, by the name under which the ledger has it.

Each looks for the run's own mark on what it is about to change: somebody else's proxy server or database may be at that
address by now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import psutil

from lab.model import LabError, LinkState, session_mark
from lab.runtime.ownership import engine, relief
from lab.runtime.ownership.ledger import Holdings
from lab.runtime.ownership.relief import Failure
from lab.runtime.stores import SESSIONS
from lab.runtime.toxiproxy.client import TOXIPROXY, LinkActuator
from lab.runtime.toxiproxy.tampering import marked_for


def undo_faults(run: Holdings, *, stays: bool) -> Iterator[str]:
    """Undo whatever faults may have done, each once; if the stack stays up, start again what they have ended."""
    # First resume whatever is paused: the other undos may need an answer from it.
    undos = sorted(run.undos, key=lambda undo: undo.how not in (relief.RESUME, relief.CONTAINER))
    undos = list({(undo.how, tuple(undo.details.items())): undo for undo in undos}.values())
    if any(undo.how == relief.CONTAINER for undo in undos) and (why := engine.unreachable_for(run)):
        undos = [undo for undo in undos if undo.how != relief.CONTAINER]
        if stays:  # else it is said of the containers themselves
            yield Failure(why)
    for undo in undos:
        if undo.how not in (*UNDOERS, *REVIVERS):
            yield Failure(f"could not undo a fault ({undo.how}): only a newer version of the lab can")
        try:
            if undo.how in UNDOERS:
                yield from UNDOERS[undo.how](undo.details, run)
            if stays and undo.how in REVIVERS:
                yield from REVIVERS[undo.how](undo.details, run)
        except (LabError, OSError, psutil.Error) as error:  # whatever it is, the rest of the run must end
            yield Failure(f"could not undo a fault ({undo.how}): {error}")


def _undo_link(details: relief.Details, run: Holdings) -> Iterator[str]:
    """Restore the proxy; nothing to do if its server has gone, or belongs to somebody else."""
    url, proxy = str(details["url"]), str(details["proxy"])
    link = LinkActuator(url, proxy)
    try:
        if not marked_for(run.run, url):
            return
        was = link.get()
        if was != LinkState():
            link.set(LinkState())
            what = ", ".join(toxic.type for toxic in was.toxics) or "down"
            yield f"healed link {proxy}: {what}"
    except LabError:
        return


def _undo_sessions(details: relief.Details, run: Holdings) -> Iterator[str]:
    """End the lab's sessions in the database; nothing to do if its server has gone."""
    from lab.runtime.stores.sessions import DatabaseActuator  # few commands need a driver of the database

    database = DatabaseActuator(str(details["dsn"]), session_mark(run.run))
    try:
        was = database.get()
        database.set(database.healthy)
        if was.held:
            yield f"healed the database: ended {sum(session.count for session in was.held)} sessions of the lab's"
    except LabError:
        return
    finally:
        database.close()


# What is always done, and what is done only if the stack stays up. The same fault may have both.
UNDOERS: Mapping[str, Callable[[relief.Details, Holdings], Iterator[str]]] = {
    TOXIPROXY: _undo_link,
    SESSIONS: _undo_sessions,
    relief.RESUME: relief.undo_resume,
    relief.CONTAINER: relief.undo_container,
}
REVIVERS: Mapping[str, Callable[[relief.Details, Holdings], Iterator[str]]] = {
    relief.START: relief.revive_process,
    relief.CONTAINER: relief.revive_container,
}
