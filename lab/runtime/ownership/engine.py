"""Docker for healing: by its command line, since healing must work without the SDK, and at the engine of the run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lab.model import LabError
from lab.runtime.docker_client import docker_environment, engine_address
from lab.runtime.ownership.ledger import CONTAINER, NETWORK, RUN_LABEL, VOLUME, Holdings
from lab.runtime.programs import as_root, ended
from lab.runtime.reach import unreachable

ANSWER_TIMEOUT_S = 5.0
TIMEOUT_S = 30.0
# The engine still finishes what a client asked for that has died since.
PASSES_MAX, PAUSE_S, EMPTY_PASSES = 5, 0.5, 2
NOTHING = re.compile(
    r"no such (container|network|volume|object)|(container|network|volume) \S+ not found", re.IGNORECASE
)
JOB_LABEL = "failure-lab.job"  # of a container that does its work and ends
REMOVE = {
    CONTAINER: ("container", "rm", "--force", "--volumes", "--"),
    NETWORK: ("network", "rm", "--"),
    VOLUME: ("volume", "rm", "--"),
}
LABEL = {
    CONTAINER: f'{{{{index .Config.Labels "{RUN_LABEL}"}}}}',
    NETWORK: f'{{{{index .Labels "{RUN_LABEL}"}}}}',
    VOLUME: f'{{{{index .Labels "{RUN_LABEL}"}}}}',
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """A container of a run: its name, and its state in Docker's words."""

    name: str
    state: str
    job: bool


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """Of passes over things in Docker: a line for each that any has removed, or the last could not remove.

    `coming` is what the last pass that found anything has removed, unless they came to find nothing more.
    """

    removed: list[str]
    stuck: list[str]
    coming: list[str]


def emptied(one_pass: Callable[[], tuple[list[str], list[str]]]) -> Emptied:
    """Repeats `one_pass` until it finds nothing more. It returns what it removed, and what it could not."""
    removed: list[str] = []
    stuck: list[str] = []
    coming: list[str] = []
    empty = 0
    for turn in range(PASSES_MAX):
        time.sleep(PAUSE_S if turn else 0.0)
        found, stuck = one_pass()
        removed += found
        coming = found or coming
        empty = 0 if found else empty + 1
        if empty == EMPTY_PASSES:
            return Emptied(removed=removed, stuck=stuck, coming=[])
    return Emptied(removed=removed, stuck=stuck, coming=coming)


def docker(run: Holdings, *command: str, timeout_s: float = TIMEOUT_S) -> str | None:
    """What `docker …` printed at the engine of `run`; None if there is no such thing. Raises LabError."""
    done = ended(("docker", *command), timeout_s=timeout_s, env=docker_environment(**engine_of(run)))
    if done.code and _nothing_there(done.stderr):
        return None
    if done.code:
        raise LabError(done.last_words)
    return done.stdout.strip()


def engine_of(run: Holdings) -> Mapping[str, str]:
    """The variable that names the engine of `run`: the user may have chosen another one since."""
    return {"DOCKER_HOST": run.engine} if run.engine else {}


def unreachable_for(run: Holdings) -> str | None:
    """Why the engine of `run` cannot be asked, with the next step; None if it answers."""
    try:
        address = engine_address(run.engine)
    except LabError as error:
        return f"The containers of run {run.run} are still there. {error}"
    try:
        docker(run, "version", "--format", "{{.Server.Version}}", timeout_s=ANSWER_TIMEOUT_S)
    except LabError as error:
        start = f"Start it again ({as_root('systemctl restart docker')})."
        why = unreachable(address, str(error), start)
        return f"The containers of run {run.run} are still there. {why} Then: bin/lab heal"
    return None


def has(run: Holdings, kind: str, name: str) -> bool | None:
    """Whether the thing in Docker called `name` carries the label of `run`; None if there is none of that name."""
    found = docker(run, kind, "inspect", "--format", LABEL[kind], "--", name)
    return None if found is None else found == run.run


def containers(run: Holdings) -> Iterator[Found]:
    """All containers with the label of `run`, running or not."""
    wanted = f"label={RUN_LABEL}={run.run}"
    told = docker(run, "container", "ls", "--all", "--filter", wanted, "--format", "{{json .}}")
    for line in (told or "").splitlines():
        one = json.loads(line)
        yield Found(name=one["Names"], state=one["State"], job=f"{JOB_LABEL}=" in one["Labels"])


def _nothing_there(said: str) -> bool:
    """Whether the engine says that there is no such thing; "no such file" means that there is no engine."""
    return NOTHING.search(said) is not None
