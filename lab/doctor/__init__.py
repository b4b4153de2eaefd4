"""What this machine offers the lab: what is there and what is missing, what that rules out, and the command to fix it.

It only looks: nothing is built, started or downloaded. Each part is examined by a function of its own, which takes what
it looks at as arguments; `examine` asks them all about the real machine.
"""

from __future__ import annotations

import resource
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from lab import paths
from lab.doctor import machine, parts
from lab.doctor.finding import Finding
from lab.model import LabError
from lab.runtime.local.parts import WHEELS, installing
from lab.runtime.local.parts.stranger import require_rights
from lab.runtime.local.testbed import enters, require_name, scratch_folder
from lab.runtime.modes import require_modes_in
from lab.runtime.ports_free import Ports
from lab.runtime.priority import cores
from lab.runtime.toxiproxy import build as toxiproxy_build
from lab.runtime.toxiproxy import server as toxiproxy_server

__all__ = ["Finding", "examine"]


def examine() -> list[Finding]:
    """All findings, in the order in which a newcomer would fix them."""
    from lab.runtime.containers import testbed as docker
    from lab.runtime.containers.engine import compose_version
    from lab.runtime.containers.real_time import lacking

    data = _data()
    written = {
        "scratch files": paths.STATE,
        "runs": paths.RUNS,
        **data,
        "what is built once": toxiproxy_build.cache(),
    }
    return [
        machine.python(sys.version_info[:3]),
        machine.environment(paths.ROOT / ".venv"),
        machine.account(require_name, require_rights),
        machine.folders(written),
        machine.modes(lambda: require_modes_in(paths.STATE)),
        machine.cache(toxiproxy_build.cache()),
        machine.scratch(scratch_folder, enters),
        machine.disk({place: shutil.disk_usage(place).free for place in (paths.ROOT, *data.values())}),
        machine.descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        machine.ports(_reserve),
        machine.cores(cores()),
        parts.database(installing.find_binaries),
        *(parts.part(wheel, used_as) for used_as, wheel in WHEELS.items()),
        parts.proxy(toxiproxy_server.look),
        parts.go(toxiproxy_build.go()),
        parts.docker_engine(docker.available, compose_version),
        parts.docker_images(docker.available, docker.images_present),
        parts.docker_real_time(lacking),
    ]


def _data() -> dict[str, Path]:
    """Where the twins' data goes, by its use; nothing if there is no such folder, which is a finding of its own."""
    with suppress(LabError):
        return {"the twins' data": scratch_folder()}
    return {}


def _reserve(wanted: int) -> int:
    """How many of `wanted` ports can be had now; all are given back."""
    held, had = Ports(), 0
    with suppress(LabError):
        while had < wanted:
            held.reserve()
            had += 1
    held.release()
    return had
