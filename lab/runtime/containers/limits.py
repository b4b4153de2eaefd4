"""The limits of a running container, changed through the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container

from lab.model import LabError
from lab.runtime.cgroups import Cgroup
from lab.runtime.containers.engine import answering, client

NANO = 1e9
# What the engine says when the kernel or the runtime refused. It may pass: version 1 sets no limit below what is used,
# and a container that has just died of its limit is not known to have ended yet. Their own words differ by version.
MAY_PASS = "Cannot update container"
UPDATE_TIMEOUT_S, PAUSE_S = 4.0, 0.05
SQUEEZE_ROOM_BYTES = 1024 * 1024
ASK_FOR_MEMORY = ["sh", "-c", "head -c 16000000 /dev/zero | tail -c 16000000 >/dev/null"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits that the engine sets on a container; 0: none."""

    nano_cpus: int
    memory_bytes: int
    swap_bytes: int  # of memory and swap together; -1: no limit

    @classmethod
    def of(cls, attrs: dict[str, Any]) -> Limits:
        host = attrs["HostConfig"]
        return cls(nano_cpus=host["NanoCpus"], memory_bytes=host["Memory"], swap_bytes=host["MemorySwap"])


def limit_cpus(container: Container, nano_cpus: int) -> None:
    """Raises LabError if that is not possible."""
    _update_in_time(container, lambda: time.sleep(PAUSE_S), NanoCpus=nano_cpus)


def limit_memory(container: Container, memory_bytes: int, swap_bytes: int, cgroup: Cgroup) -> None:
    """Raises LabError if that is not possible.

    Version 2 kills until the limit is kept. Version 1 refuses a limit below what is used: there the container gets a
    limit just above, and then allocates more, until the kernel has killed enough.
    """
    _update_in_time(
        container, lambda: _squeeze(container, cgroup), Memory=memory_bytes, MemorySwap=swap_bytes
    )


def _update_in_time(container: Container, after_refusal: Callable[[], None], **limits: int) -> None:
    give_up = time.monotonic() + UPDATE_TIMEOUT_S
    while True:
        try:
            return _update(container, **limits)
        except LabError as error:
            if time.monotonic() > give_up or MAY_PASS not in str(error):
                raise
        after_refusal()


def _squeeze(container: Container, cgroup: Cgroup) -> None:
    tight = (cgroup.charged_bytes() or 0) + SQUEEZE_ROOM_BYTES
    try:
        _update(container, Memory=tight, MemorySwap=tight)
        with answering():
            container.exec_run(ASK_FOR_MEMORY)
    except LabError:
        return  # it used more by then, or the allocating process was killed itself: the next try decides


def _update(container: Container, **limits: int) -> None:
    """Like `docker update`; the SDK's version does not know CPUs."""
    api = client().api
    with answering():
        url = f"{api.base_url}/v{api.api_version}/containers/{container.id}/update"
        answer = api.post(url, json=limits, timeout=api.timeout)
        if not answer.ok:
            raise APIError(answer.text, response=answer, explanation=answer.text)
