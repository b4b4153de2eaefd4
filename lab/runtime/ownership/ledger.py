"""What a run owns, on disk, so that healing can find it and end it after the run was killed.

One ledger per run, `<state_dir>/owned/<run>.jsonl`, one record a line, only ever appended to. Folders and containers
are written down before they exist, processes at once after (a mark in their environment covers the instant between),
and the undo of a fault before it can be injected. The ledger goes when the last thing is gone.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.model import LabError, Undo
from lab.runtime.effects import about_to
from lab.runtime.modes import require_modes
from lab.runtime.ownership.identity import here, place, started

RUN_MARK = "LAB_RUN"  # environment variable that every process of a run carries
RUN_LABEL = "failure-lab.run"  # label of each of its containers and networks

PROCESS = "process"
FOLDER = "folder"
CONTAINER = "container"
NETWORK = "network"
VOLUME = "volume"
SHARED_MEMORY = "shared memory"  # of the PostgreSQL whose data folder is the key


@dataclass(frozen=True, kw_only=True)
class Owned:
    """One thing that must not outlive its run. `key` names it within its kind; `details` say how to end it."""

    kind: str
    key: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """A ledger as read back. `published` (addresses by twin) is there once the stack was left up on purpose.

    One that was copied, unpacked or damaged, not written here by us, is not `genuine`: nothing that it says counts.
    Nor is one that we may not read, because another user has written it.
    """

    run: str
    path: Path
    genuine: bool
    owner_pid: int
    owner_alive: bool
    since: float  # wall clock
    owned: tuple[Owned, ...] = ()
    undos: tuple[Undo, ...] = ()
    published: Mapping[str, Mapping[str, str]] | None = None
    engine: str | None = None  # the address of the Docker engine that has what is owned there

    @property
    def standing(self) -> bool:
        """Left up on purpose, and still up as far as can be told from here."""
        return (
            self.genuine
            and self.published is not None
            and any(thing.kind == CONTAINER or process_alive(thing) for thing in self.owned)
        )

    @property
    def leftover(self) -> bool:
        """Its owner is dead and it was not left up on purpose, or it is not genuine."""
        return not self.genuine or not (self.owner_alive or self.standing)


class Ledger:
    """The ledger of one run, written by its owner: this process. Threads may share it."""

    def __init__(self, state_dir: Path, run: str) -> None:
        self.run = run
        self.path = ledgers(state_dir) / f"{run}.jsonl"
        self._lock = threading.Lock()
        self._cut = False  # whether the last record may have no end
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.parent.chmod(0o700)  # what is in a ledger includes the passwords of a stack
            self._begin()
        except OSError as exc:
            raise LabError(
                f"Cannot write {self.path}: {exc.strerror}. Make {state_dir} writable, or run from a copy that is."
            ) from exc

    def _begin(self) -> None:
        """Name the owner in a file beside it, then rename that: nobody ever reads a ledger without an owner."""
        about_to("ledger: owner")
        new = self.path.with_suffix(".fresh")
        new.touch(mode=0o600)
        require_modes(new)
        owner = {"record": "owner", "run": self.run, "at": time.time(), "inode": new.stat().st_ino}
        owner |= {"pid": os.getpid(), "started": started(os.getpid()), "place": place()}
        new.write_text(f"{json.dumps(owner)}\n")
        new.rename(self.path)

    def own_process(self, pid: int, name: str, stop: signal.Signals = signal.SIGTERM) -> Owned:
        """A process that leads a group of its own; `stop` is what ends it gently."""
        return self.own(PROCESS, str(pid), started=started(pid), name=name, stop=int(stop))

    def own_folder(self, path: Path) -> Owned:
        """A folder that is removed with its contents."""
        return self.own(FOLDER, str(path))

    def own_container(self, name: str) -> Owned:
        return self.own(CONTAINER, name)

    def on_engine(self, host: str) -> None:
        """Name the engine, `host`, of all that is owned in Docker. On disk before anything else in Docker is."""
        self._append(record="engine", host=host)

    def own(self, kind: str, key: str, **details: Any) -> Owned:
        """Anything of one of the kinds above: `heal` knows how to end it."""
        self._append(record="own", kind=kind, key=key, details=details)
        return Owned(kind=kind, key=key, details=details)

    def undo(self, undo: Undo) -> None:
        """From now on what `undo` heals may be broken. Synced to disk when this returns."""
        self._append(sync=True, record="undo", how=undo.how, details=dict(undo.details))

    def disowned(self, thing: Owned) -> None:
        """Record that `thing` is gone. On a full disk it stays in the ledger: to stop the rest matters more."""
        with suppress(OSError):
            self._append(record="disown", kind=thing.kind, key=thing.key)

    def running(self) -> bool:
        """Whether a process that is owned still runs; no if somebody has removed the ledger."""
        return self.path.exists() and any(process_alive(thing) for thing in read(self.path).owned)

    def left_standing(self, published: Mapping[str, Mapping[str, str]]) -> None:
        """Note that the stack is to outlive this process, until `lab down`."""
        by_twin = {twin: dict(addresses) for twin, addresses in published.items()}
        self._append(sync=True, record="standing", published=by_twin)

    def close(self) -> None:
        """Nothing is owned any more."""
        about_to("ledger: close")
        self.path.unlink(missing_ok=True)

    def _append(self, *, sync: bool = False, **record: Any) -> None:
        about_to(f"ledger: {record['record']} {record.get('kind', '')}".rstrip())
        with self._lock:
            begin, self._cut = "\n" * self._cut, True
            with self.path.open("a") as file:
                file.write(f"{begin}{json.dumps(record)}\n")
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            self._cut = False


def holdings(state_dir: Path) -> list[Holdings]:
    """Every run that owns something, oldest first."""
    found = []
    for path in sorted(ledgers(state_dir).glob("*.jsonl")):
        with suppress(FileNotFoundError):  # its run has just ended
            found.append(read(path))
    return found


def leftovers(state_dir: Path) -> list[Holdings]:
    """The runs whose owner is dead and that were not left up on purpose."""
    return [run for run in holdings(state_dir) if run.leftover]


def read(path: Path) -> Holdings:
    """What the ledger at `path` says is still owned."""
    try:
        return _read(path)
    except (KeyError, TypeError, ValueError, AttributeError, PermissionError):  # no lab of ours wrote it
        return Holdings(run=path.stem, path=path, genuine=False, owner_pid=0, owner_alive=False, since=0.0)


def _read(path: Path) -> Holdings:
    owner: dict[str, Any] = {}
    owned: dict[tuple[str, str], Owned] = {}
    undos: list[Undo] = []
    published = engine = None
    for record in _records(path):
        match record.pop("record", ""):
            case "owner":
                owner = record
            case "own":
                owned[record["kind"], record["key"]] = Owned(**record)
            case "disown":
                owned.pop((record["kind"], record["key"]), None)
            case "undo":
                undos.append(Undo(**record))
            case "standing":
                published = record["published"]
            case "engine":
                engine = str(record["host"])
    pid = owner.get("pid", 0)
    return Holdings(
        run=path.stem,
        path=path,
        genuine=_genuine(path, owner),
        owner_pid=pid,
        owner_alive=bool(owner) and started(pid) == owner["started"] is not None,
        since=owner.get("at", 0.0),
        owned=tuple(owned.values()),
        undos=tuple(undos),
        published=published,
        engine=engine,
    )


def _genuine(path: Path, owner: Mapping[str, Any]) -> bool:
    """Whether this very file was written by us, and here: no copy, and by no other machine or container."""
    file = path.lstat()
    ours = file.st_uid == os.geteuid() and not file.st_mode & 0o022
    return ours and file.st_ino == owner.get("inode") and here(owner["place"])


def adopt(run: Holdings, pid: int, name: str, stop: signal.Signals) -> None:
    """Write down a process that was started for a run whose owner has gone."""
    details = {"started": started(pid), "name": name, "stop": int(stop)}
    with run.path.open("a") as file:
        file.write(json.dumps({"record": "own", "kind": PROCESS, "key": str(pid), "details": details}) + "\n")


def process_alive(thing: Owned) -> bool:
    """Whether it is a process, and the very one that was written down: a recycled pid means another one."""
    mark = thing.details.get("started")
    return mark is not None and started(int(thing.key)) == mark


def _records(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a last one that the kill cut short says nothing."""
    records = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError):
            records.append(json.loads(line))
    return records


def ledgers(state_dir: Path) -> Path:
    """The folder of all ledgers."""
    return state_dir / "owned"
