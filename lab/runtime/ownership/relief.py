"""Undoes what faults do to processes and containers, without the lab that did it, from the ledger.

Paused processes are always resumed and limits always lifted. Dead ones are started again only if their stack was left
up on purpose; otherwise the rest of the dead run is removed as well.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab.model import Undo
from lab.runtime.descriptors import limit, soft_limit
from lab.runtime.effects import about_to
from lab.runtime.ownership import belonging, engine, trees
from lab.runtime.ownership.ledger import CONTAINER as OF_DOCKER
from lab.runtime.ownership.ledger import PROCESS, Holdings, adopt, process_alive
from lab.runtime.programs import as_ids

RESUME = "resume processes"
START = "start process"
CONTAINER = "relieve container"

Details = Mapping[str, str | int]


class Failure(str):
    """A line about what could not be healed. All other lines tell what was done."""

    __slots__ = ()


def resume(descriptors: int) -> Undo:
    """Resume all processes of the run, and give each the descriptor limit that it had at its start."""
    return Undo(how=RESUME, details={"descriptors": descriptors})


def start(
    name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, user: int, group: int, stop: int
) -> Undo:  # fmt: skip
    """Start the process called `name` again. `user` and `group` are -1 for those of whoever heals."""
    return Undo(
        how=START,
        details={
            "name": name,
            "command": json.dumps(list(command)),
            "env": json.dumps(dict(env)),
            "cwd": str(cwd),
            "log": str(log),
            "user": user,
            "group": group,
            "stop": stop,
        },
    )


def container(name: str, *, nano_cpus: int, memory_bytes: int, swap_bytes: int, descriptors: int) -> Undo:
    """Resume or restart the container, under these limits."""
    limits = {"nano_cpus": nano_cpus, "memory_bytes": memory_bytes, "swap_bytes": swap_bytes}
    return Undo(how=CONTAINER, details={"name": name, **limits, "descriptors": descriptors})


def limit_descriptors(soft: int) -> list[str]:
    """The command that limits every process of a container, run inside it: only its own user may do that."""
    each = f'prlimit --pid "${{process#/proc/}}" --nofile={soft}: 2>/dev/null || test ! -e "$process"'
    return ["sh", "-c", f"for process in /proc/[0-9]*; do {each} || exit 1; done"]


def undo_resume(details: Details, run: Holdings) -> Iterator[str]:
    """Resume every stopped process of the run; when a parent dies, the kernel resumes only those of its own session."""
    for root in belonging.processes(run.run):
        pids = trees.tree(root.pid)
        for pid in pids:
            if trees.stopped(pid) and trees.send(pid, signal.SIGCONT):
                yield f"continued pid {pid}"
        yield from _freed(pids, int(details["descriptors"]))


def undo_container(details: Details, run: Holdings) -> Iterator[str]:
    """Harmless if the container has gone, belongs to somebody else, or nothing was done to it."""
    name = str(details["name"])
    if not engine.has(run, OF_DOCKER, name):
        return
    asked = (
        "{{.State.Running}} {{.State.Paused}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.State.Pid}}"
    )
    found = engine.docker(run, "inspect", "--format", asked, name)
    if found is None:
        return
    running, paused, *limits, pid = found.split()
    if paused == "true":
        engine.docker(run, "unpause", name)
        yield f"continued container {name}"
    if [int(limit) for limit in limits] != [details["nano_cpus"], details["memory_bytes"]]:
        memory = ["--memory", str(details["memory_bytes"]), "--memory-swap", str(details["swap_bytes"])]
        cpus = f"{int(details['nano_cpus']) / 1e9:g}"
        engine.docker(run, "update", "--cpus", cpus, *memory, name)
        yield f"lifted the limits of container {name}"
    soft = int(details["descriptors"])
    if running == "true" and 0 < (soft_limit(int(pid)) or 0) < soft:
        engine.docker(run, "exec", name, *limit_descriptors(soft))
        yield f"lifted the descriptor limit of container {name}"


def revive_process(details: Details, run: Holdings) -> Iterator[str]:
    """Start the process again, into the same ledger, unless it runs."""
    name = str(details["name"])
    mine = [thing for thing in run.owned if thing.kind == PROCESS and thing.details["name"] == name]
    if any(process_alive(thing) for thing in mine):
        return
    about_to(f"spawn: {name}")
    try:
        with Path(str(details["log"])).open("ab") as log:
            process = subprocess.Popen(
                json.loads(str(details["command"])),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=json.loads(str(details["env"])),
                cwd=str(details["cwd"]),
                process_group=0,
                **as_ids(int(details["user"]), int(details["group"])),
            )
    except OSError as error:
        yield Failure(f"could not start {name} again: {error}")
        return
    process.returncode = 0  # as far as we are concerned: it outlives us, and nobody here waits for it
    adopt(run, process.pid, name, signal.Signals(int(details["stop"])))
    yield f"started {name} again (pid {process.pid})"


def revive_container(details: Details, run: Holdings) -> Iterator[str]:
    name = str(details["name"])
    if not engine.has(run, OF_DOCKER, name):
        return
    if engine.docker(run, "inspect", "--format", "{{.State.Running}}", name) == "false":
        engine.docker(run, "start", name)
        yield f"started container {name} again"


def _freed(pids: Sequence[int], soft: int) -> Iterator[str]:
    """Give each as many descriptors as it should have."""
    for pid in pids:
        if 0 < (soft_limit(pid) or 0) < soft:
            limit(pid, soft)
            yield f"lifted the descriptor limit of pid {pid}"
