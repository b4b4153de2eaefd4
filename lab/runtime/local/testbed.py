"""The local testbed: everything as processes on loopback. No Docker, no root."""

from __future__ import annotations

import json
import os
import platform
import pwd
import shutil
import sys
import tempfile
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

from lab.model import BALANCER, CACHE, POSTGRES, QUEUE, Capability, LabError, Stack, Topology, TwinPlan
from lab.ports import Child, Journal
from lab.runtime.cores import listed, shares, usable
from lab.runtime.local.in_memory import make_folder_in_memory
from lab.runtime.local.parts import WHEELS, installing
from lab.runtime.local.parts.stranger import let_through, require_rights, stranger
from lab.runtime.local.processes import Process
from lab.runtime.local.starting import Programs
from lab.runtime.local.twin import LocalTwin
from lab.runtime.ownership.belonging import make_folder, remove_folders
from lab.runtime.ownership.ledger import Ledger, holdings
from lab.runtime.ports_free import Ports
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment
from lab.runtime.testbed import PACKAGES, Twins
from lab.runtime.toxiproxy import server as toxiproxy_server
from lab.workload import Workload

OFFERED = frozenset(
    {
        Capability.LINK,
        Capability.SESSIONS,
        Capability.LOAD,
        Capability.KILL,
        Capability.STOP,
        Capability.PAUSE,
        Capability.CPU_LIMIT,
        Capability.MEMORY_LIMIT,
    }
)
SERVED_BY = {Capability.BALANCER: BALANCER, Capability.CACHE: CACHE, Capability.QUEUE: QUEUE}
DISK_NEEDED_BYTES = 300_000_000  # two data folders, their write-ahead logs and the logs


class LocalTestbed(Twins[LocalTwin]):
    """`lab.ports.Testbed` with processes. What it owns is in the ledger below `state_dir`."""

    runtime = "local"

    def __init__(self, stack: Stack, workload: Workload, state_dir: Path) -> None:
        super().__init__(stack, workload, state_dir)
        self._folder = scratch_folder() / f"failure-lab-{stack.run}-{os.getpid()}"
        self._in_memory = self._folder  # until `up` has made a better one
        # An error names them, so they outlive the stack.
        self._logs = state_dir.absolute() / "logs" / stack.run
        self._children: list[Process] = []
        self._ports = Ports()

    def offers(self) -> Mapping[Capability, str]:
        return {capability: _hindrance(capability) for capability in Capability}

    def up(self, journal: Journal) -> None:
        """Start everything, both twins side by side. On failure all is stopped; logs stay until the next start."""
        self._journal = journal
        try:
            self._up(journal)
        except OSError as exc:
            self._stop()
            raise LabError(
                f"The twins cannot be started: {exc}. Fix that; if it is about a temporary folder, set "
                "TMPDIR to another."
            ) from exc
        except BaseException:
            self._stop()
            raise

    def check(self) -> None:
        """See `lab.ports.Testbed.check`: what carries the twins here is their proxies, and room for their data."""
        for twin in self._twins.values():
            twin.check()

    def down(self) -> None:
        """End all that `up` and `spawn` started and remove what they wrote; harmless when there is nothing."""
        self._stop()
        self._twins.clear()
        made = {self._folder, self._in_memory}
        self._let_go(everything_gone=self._ledger is None or remove_folders(self._ledger, made))

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        (folder / f"{name}.config.json").write_text(json.dumps(config, indent=1))
        child = Process(
            f"{twin} {name}",
            [sys.executable, "-m", module, f"{name}.config.json"],
            folder / "logs" / f"{name}.log",
            self._open_ledger(),
            env=environment(),
            cwd=folder,
        )
        self._children.append(child)
        return child

    def _up(self, journal: Journal) -> None:
        require_space(self._folder.parent, "set TMPDIR to a folder on another disk")
        require_space(self._state_dir, "work in a clone on another disk")
        remove_old_logs(self._logs.parent, keep={run.run for run in holdings(self._state_dir)})
        self._logs.mkdir(parents=True)
        self._logs.chmod(0o700)  # whatever the umask: logs quote what they are about
        ledger = self._guarded()
        ledger.own_folder(self._folder)
        make_folder(self._folder, self._stack.run)
        self._in_memory = make_folder_in_memory(self._folder, ledger)
        programs, engine = find_programs(self._stack.topology), toxiproxy_server.find()
        if programs.postgres is not None and not enters(self._folder.parent):
            raise LabError(
                f"The user that PostgreSQL runs as cannot enter {self._folder.parent}. Set TMPDIR=/tmp"
            )
        for folder in (self._folder, self._in_memory):
            let_through(folder, programs.user)
        cores = dict(zip(self._stack.twins, shares(usable(), len(self._stack.twins)), strict=True))
        self._facts = facts(
            programs, engine, {plan.name: listed(mine) for plan, mine in cores.items() if mine}
        )
        self._twins = {plan.name: self._twin(plan, mine, programs, ledger) for plan, mine in cores.items()}
        with ThreadPoolExecutor(max_workers=len(self._twins), thread_name_prefix="up") as threads:
            starting = [threads.submit(twin.up, engine, journal) for twin in self._twins.values()]
            try:
                for twin in starting:
                    twin.result()
            except BaseException:
                self._stop()  # now, so that the other twin's thread ends too
                raise
        self._stand()

    def _twin(self, plan: TwinPlan, cores: Sequence[int], programs: Programs, ledger: Ledger) -> LocalTwin:
        return LocalTwin(
            plan, self._stack, self._workload, programs, self._folder / plan.name,
            self._in_memory / plan.name, self._folder / plan.name / "data", self._logs / plan.name, self._ports,
            ledger, self._telling(plan.name), cores,
        )  # fmt: skip

    def _stop(self) -> None:
        """End children and servers, all at once."""
        enders = [child.stop for child in self._children] + [twin.stop for twin in self._twins.values()]
        if enders:
            with ThreadPoolExecutor(max_workers=len(enders), thread_name_prefix="down") as threads:
                for ended in [threads.submit(end) for end in enders]:
                    ended.result()
        self._children.clear()
        self._ports.release()


def require_space(folder: Path, otherwise: str) -> None:
    """Raises LabError if a run would fill the disk of `folder`; `otherwise`: what to do but free some space."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < DISK_NEEDED_BYTES:
        raise LabError(
            f"The disk of {folder} is too full: {free // 1_000_000} MB are free, and a run needs "
            f"{DISK_NEEDED_BYTES // 1_000_000} MB. Free some space, or {otherwise}."
        )


def scratch_folder() -> Path:
    """Where scratch folders go. Raises LabError where nothing can be written, as on a full disk."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise LabError("No folder for scratch files is writable. Free some space, or set TMPDIR") from None


def require_name() -> None:
    """Raises LabError if the user that PostgreSQL runs as has no name: initdb(1) refuses to run without one."""
    root = os.geteuid() == 0
    try:
        pwd.getpwnam(installing.MAKER) if root else pwd.getpwuid(os.geteuid())
    except KeyError:
        who = f"The user {installing.MAKER}" if root else f"User id {os.geteuid()}"
        ids = "65534:65534" if root else f"{os.geteuid()}:{os.getegid()}"
        name = installing.MAKER if root else "lab"
        raise LabError(
            f"{who} is not in /etc/passwd, and PostgreSQL's initdb refuses to run for such a user. "
            f"Add a line there: {name}:x:{ids}::/:/bin/sh"
        ) from None


def enters(folder: Path) -> bool:
    """Whether the user that PostgreSQL runs as can enter `folder`."""
    return os.geteuid() != 0 or installing.readable(folder, stranger())


def remove_old_logs(logs: Path, keep: Container[str]) -> None:
    """Remove the logs of runs that own nothing any more."""
    for folder in logs.iterdir() if logs.is_dir() else ():
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def find_programs(topology: Topology) -> Programs:
    """The servers that `topology` needs. Raises LabError where one is missing."""
    if POSTGRES in topology.parts:
        require_name()
        require_rights()
    return Programs(
        postgres=installing.installation() if POSTGRES in topology.parts else None,
        servers={part: wheel.installed() for part, wheel in WHEELS.items() if part in topology.parts},
    )


def facts(programs: Programs, engine: toxiproxy_server.Engine, cores: Mapping[str, str]) -> dict[str, Any]:
    """Versions of every part, and what bounds a twin, for the manifest."""
    database = {} if programs.postgres is None else {"postgres": programs.postgres.version}
    return {
        "runtime": LocalTestbed.runtime,
        "engine": engine.name,
        "toxiproxy": engine.version,
        **database,
        **{WHEELS[part].name.lower(): program.version for part, program in programs.servers.items()},
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in PACKAGES},
        "environment": environment(),
        "limits": {"priority": " ".join(giving_way())},
        "cores": dict(cores),
    }


def _hindrance(capability: Capability) -> str:
    """Why `capability` is not available here; "" if it is."""
    if capability in SERVED_BY:
        try:
            WHEELS[SERVED_BY[capability]].find()
        except LabError as missing:
            return str(missing)
        return ""
    if capability is Capability.DESCRIPTOR_LIMIT:
        return "" if sys.platform == "linux" else "only Linux can change the limits of running processes"
    if capability is Capability.BOUNDS:
        return "without containers, only a fault can limit a part, and only for a while"
    return "" if capability in OFFERED else "the local runtime cannot do that yet"
