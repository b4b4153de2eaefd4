"""The images of a twin: which are needed, which exist, and how to get the missing ones.

Base images are the official ones (compose/.env), unless a variable names another or compose/offline has built its own.
The lab's two images are tagged by a hash of everything in them, so that an edited service never runs from an old image.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from docker.errors import ImageNotFound

from lab.model import BALANCER, CACHE, QUEUE, LabError, Topology
from lab.paths import ROOT
from lab.runtime.containers.claims import claim, claimed, remove_outdated
from lab.runtime.containers.engine import answering, client
from lab.runtime.containers.stoppable import Stoppable
from lab.runtime.docker_client import chosen_engine
from lab.runtime.programs import build_environment, ended, output

COMPOSE = ROOT / "compose"
OFFLINE_BUILD = COMPOSE / "offline" / "build"
ALWAYS = ("python", "postgres", "toxiproxy")
SERVERS = {BALANCER: "caddy", CACHE: "valkey", QUEUE: "nats"}  # if the topology has the part
BASES = (*ALWAYS, *SERVERS.values())
# The sources of each of our own images, besides the base.
SOURCES = {
    "service": ("compose/Dockerfile.service", "requirements/services.txt", "services"),
    "load": ("compose/Dockerfile.load", "requirements/loadtests.txt", "loadtests"),
}
PLAIN = Topology()
PULL_TIMEOUT_S = 600
BUILD_TIMEOUT_S = 900


@dataclass(frozen=True, kw_only=True)
class Images:
    """References of all images of a twin; "" for a server that it does not have."""

    python: str
    postgres: str
    toxiproxy: str
    service: str
    load: str
    caddy: str = ""
    valkey: str = ""
    nats: str = ""

    @classmethod
    def wanted(cls, topology: Topology) -> Images:
        """The images for `topology`, by the environment, the engine and our sources as they are now."""
        bases = {name: base(name) for name in base_names(topology)}
        made_of = f"{bases['python']} {identity(bases['python'])}"
        ours = {name: f"failure-lab/{name}:{digest(made_of, paths)}" for name, paths in SOURCES.items()}
        return cls(**bases, **ours)

    @property
    def references(self) -> Mapping[str, str]:
        return {name: reference for name, reference in vars(self).items() if reference}

    @property
    def ours(self) -> tuple[str, ...]:
        """Those that are built from our sources."""
        return self.service, self.load

    def environment(self) -> dict[str, str]:
        """The variables of the files in compose/."""
        return {variable(name): reference for name, reference in self.references.items()}

    def missing(self) -> list[str]:
        return [reference for reference in self.references.values() if identity(reference) is None]


def base_names(topology: Topology) -> tuple[str, ...]:
    """The base images that `topology` needs."""
    return (*ALWAYS, *(name for part, name in SERVERS.items() if part in topology.parts))


def images_present(topology: Topology = PLAIN) -> bool:
    """Whether a run can start at once."""
    return not Images.wanted(topology).missing()


def tell(text: str) -> None:
    """Tell people at once, on stderr: standard output is for results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def build_images(topology: Topology = PLAIN, say: Callable[[str], None] = tell) -> Images:
    """Pull or build what is missing; returns the images of a run. Takes a fraction of a second if all are there."""
    for name in base_names(topology):
        if identity(base(name)) is None:
            provide(name, say)
    images = Images.wanted(topology)
    if missing := images.missing():
        say("building the lab's Docker images (under a minute, the first time)")
        _build_all(images)
    claim(images.ours)
    if missing:
        remove_outdated(images.ours)
    return images


def _build_all(images: Images) -> None:
    """Our own images, side by side. A failure or an interrupt ends all builds at once."""
    builds = Stoppable("The build of the images")
    with ThreadPoolExecutor(max_workers=len(SOURCES), thread_name_prefix="build") as threads:
        try:
            list(threads.map(partial(_build, builds, images), SOURCES))
        except BaseException:
            builds.stop()  # now, so that the threads end too
            raise


def _build(builds: Stoppable, images: Images, name: str) -> None:
    """Our own image called `name`, by the engine itself: another builder would not see images that are only here.

    A build that fails leaves no container behind, which would keep its half of an image.
    """
    tag, file, based = images.references[name], str(ROOT / SOURCES[name][0]), f"PYTHON_IMAGE={images.python}"
    # Claimed at once, so that no other clone takes it for an outdated one.
    tags = ("--tag", tag, "--tag", claimed(tag))
    command = ("docker", "build", "--force-rm", *tags, "--file", file, "--build-arg", based, str(ROOT))
    surroundings = build_environment(**chosen_engine(), BUILDX_BUILDER="default")
    builds.output(command, timeout_s=BUILD_TIMEOUT_S, env=surroundings)


@cache
def officials() -> Mapping[str, str]:
    """The official base images, by name, as a stack by hand has them."""
    lines = (COMPOSE / ".env").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name: told[variable(name)] for name in BASES}


def variable(name: str) -> str:
    """The variable that names the image called `name`."""
    return f"LAB_{name.upper()}_IMAGE"


def base(name: str) -> str:
    """The base image called `name`: the one that LAB_…_IMAGE names, else the official or our own, whichever exists."""
    official, offline = officials()[name], f"failure-lab/offline-{name}"
    if named := os.environ.get(variable(name)):
        return named
    return offline if identity(official) is None and identity(offline) is not None else official


def provide(name: str, say: Callable[[str], None]) -> None:
    """Pull the base image called `name`; if it cannot be pulled, build all of ours."""
    reference = base(name)
    say(f"pulling {reference}")
    try:
        pull = ("docker", "pull", "--quiet", reference)
        output(pull, timeout_s=PULL_TIMEOUT_S, env=build_environment(**chosen_engine()))
    except LabError as error:
        if reference != officials()[name]:
            raise
        say("it cannot be pulled; building base images from packages instead (up to four minutes, once)")
        # Its output is for people: it goes to stderr like ours.
        surroundings = build_environment(**chosen_engine())
        if ended([str(OFFLINE_BUILD)], timeout_s=BUILD_TIMEOUT_S, env=surroundings, shown=True).code:
            raise LabError(
                f"There is no {name} image: {error} compose/offline/build failed, too (see above). Name an image that "
                f"this machine has: {variable(name)}=…"
            ) from error


def identity(reference: str) -> str | None:
    """The id of a local image; None if there is none."""
    with answering():
        try:
            return str(client().images.get(reference).id)
        except ImageNotFound:
            return None


def digest(made_of: str, paths: Iterable[str]) -> str:
    """A hash of the names and contents of all files at or below `paths`, as the build sees them."""
    whole = hashlib.sha256(made_of.encode())
    for path in sorted(file for name in paths for file in files(ROOT / name)):
        whole.update(f"\0{path.relative_to(ROOT)}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def files(path: Path) -> list[Path]:
    """`path` itself, or every file below it except compiled ones."""
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def pinned(packages: Iterable[str]) -> Mapping[str, str]:
    """Versions of `packages` in our images, which are built from these pins."""
    names = set(packages)
    pins = (
        line.split(" ")[0].split("==")
        for paths in SOURCES.values()
        for line in (ROOT / paths[1]).read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    )
    return {name: version for name, version in pins if name in names}
