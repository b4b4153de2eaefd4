"""What can be done to, and observed of, one member of a part that is a container: by the engine and the kernel."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import Any

from docker.models.containers import Container

from lab.model import LabError, Life, PartSample, PartState, Undo, a_part
from lab.runtime.cgroups import Counters, cgroup_of
from lab.runtime.containers.engine import answering
from lab.runtime.containers.limits import NANO, Limits, limit_cpus, limit_memory
from lab.runtime.descriptors import open_descriptors, soft_limit
from lab.runtime.ownership import relief
from lab.runtime.parts import HEALTHY, Tell

END_TIMEOUT_S, POLL_S = 5, 0.02


class ContainerControl:
    """`lab.runtime.parts.Control` of the container of `part`'s member `name`."""

    def __init__(self, part: str, name: str, container: Container, tell: Tell) -> None:
        self.name = name
        self._part = part
        self._container = container
        self._tell = tell
        self._asked = HEALTHY
        attrs = self._inspected()
        self._usual = Limits.of(attrs)
        self._addresses = _addresses(attrs)
        self._cgroup = cgroup_of(attrs["State"]["Pid"])
        self._usual_descriptors = soft_limit(attrs["State"]["Pid"]) or 0
        self._restarts = 0
        self._started = str(attrs["State"]["StartedAt"])
        self._lived = Counters()
        self._changing = threading.RLock()

    def bring(self, state: PartState) -> None:
        with self._changing, answering():
            if state.life is Life.DEAD:
                self._end(state.grace_s)
                self._limit(state)
            else:
                if state.life is Life.RUNNING and self._life() is Life.PAUSED:
                    self._do("unpause")
                self._limit(state)
                if self._life() is Life.DEAD and (state == HEALTHY or self._asked.life is Life.DEAD):
                    self._start()
                if state.life is Life.PAUSED and self._life() is Life.RUNNING:
                    self._pause(state)
            self._asked = state

    def state(self) -> PartState:
        attrs = self._inspected()
        life, now = _life(attrs), Limits.of(attrs)
        unasked = life is Life.DEAD and self._asked.life is Life.RUNNING
        return PartState(
            life=Life.RUNNING if unasked else life,
            cpus=None if now.nano_cpus == self._usual.nano_cpus else now.nano_cpus / NANO,
            memory_bytes=None if now.memory_bytes == self._usual.memory_bytes else now.memory_bytes,
            descriptors=self._descriptors_now(attrs["State"]["Pid"]),
        )

    def kill(self) -> bool:
        with self._changing, answering():
            return self._end(0.0)

    def look(self) -> PartSample:
        at, attrs = time.monotonic(), self._inspected()
        life, state = _life(attrs), attrs["State"]
        if state["StartedAt"] != self._started:  # whoever killed it
            self._started = str(state["StartedAt"])
            self._restarts += 1
        counted, kernel, pids = self._lived, self._cgroup, self._cgroup.pids()
        counted.see(kernel, oom=bool(state["OOMKilled"]))
        return PartSample(
            target=str(a_part(self._part)),
            start_s=at,
            member=self.name,
            pid=state["Pid"],
            life=life,
            restarts=self._restarts,
            cpu_s=counted.cpu_s,
            rss_bytes=kernel.memory_bytes(),
            descriptors=max(map(open_descriptors, pids), default=None),
            throttled_s=counted.throttled_s,
            oom_kills=counted.oom_kills,
            cpus_max=kernel.cpus_max(),
            rss_max_bytes=kernel.memory_max_bytes(),
            descriptors_max=soft_limit(state["Pid"]) if state["Pid"] else None,
        )

    def undo(self) -> Sequence[Undo]:
        usual = self._usual
        return [
            relief.container(
                str(self._container.name),
                nano_cpus=usual.nano_cpus,
                memory_bytes=usual.memory_bytes,
                swap_bytes=usual.swap_bytes,
                descriptors=self._usual_descriptors,
            )
        ]

    def _inspected(self) -> dict[str, Any]:
        with answering():
            self._container.reload()
        return dict(self._container.attrs)

    def _life(self) -> Life:
        return _life(self._inspected())

    def _do(self, verb: str, **options: Any) -> None:
        getattr(self._container, verb)(**options)

    def _pause(self, state: PartState) -> None:
        """Pause it, with its usual CPU limit: the kernel cannot freeze in time a container that gets hardly any CPU."""
        if state.cpus is not None:
            limit_cpus(self._container, self._usual.nano_cpus)
        self._do("pause")
        if state.cpus is not None:
            limit_cpus(self._container, round(state.cpus * NANO))

    def _limit(self, state: PartState) -> None:
        """Change only what differs: each change is a call to the engine."""
        if state.cpus != self._asked.cpus:
            limit_cpus(
                self._container, self._usual.nano_cpus if state.cpus is None else round(state.cpus * NANO)
            )
        if state.memory_bytes != self._asked.memory_bytes:
            if state.memory_bytes is None:
                limit_memory(self._container, self._usual.memory_bytes, self._usual.swap_bytes, self._cgroup)
            else:
                limit_memory(self._container, state.memory_bytes, state.memory_bytes, self._cgroup)
        if state.descriptors != self._asked.descriptors and self._life() is not Life.DEAD:
            soft = state.descriptors or self._usual_descriptors
            done: Any = self._container.exec_run(relief.limit_descriptors(soft))
            if done.exit_code and self._life() is not Life.DEAD:  # else it has none to limit
                raise LabError(
                    f"The descriptors of {self._container.name} cannot be limited: {done.output.decode()}"
                )

    def _descriptors_now(self, pid: int) -> int | None:
        """The requested limit, if it is there; else the limit that is."""
        asked = self._asked.descriptors
        return asked if asked is None or not pid else soft_limit(pid)

    def _end(self, grace_s: float) -> bool:
        """Whether there was anything to end."""
        life = self._life()
        if life is Life.PAUSED:
            self._do("unpause")  # the engine cannot stop a paused container
        if life is not Life.DEAD and grace_s:
            self._do("stop", timeout=math.ceil(grace_s))
        elif life is not Life.DEAD:
            self._kill(self._container.attrs["State"]["Pid"])
        return life is not Life.DEAD

    def _kill(self, pid: int) -> None:
        """Return when `pid` has ended. Not when the engine says that nothing runs: a restarter may be faster."""
        self._do("kill")
        give_up = time.monotonic() + END_TIMEOUT_S
        while self._inspected()["State"]["Pid"] == pid:
            if time.monotonic() > give_up:
                raise LabError(f"{self._container.name} has not ended {END_TIMEOUT_S} s after it was killed.")
            time.sleep(POLL_S)

    def _start(self) -> None:
        self._do("start")
        attrs = self._inspected()
        if _life(attrs) is Life.DEAD or _addresses(attrs) != self._addresses:
            raise LabError(
                f"{self._container.name} was not restored to its state. See: docker logs {self._container.name}"
            )
        self._tell(self._part, self.name, "the fault was healed")


def _life(attrs: dict[str, Any]) -> Life:
    if not attrs["State"]["Running"]:
        return Life.DEAD
    return Life.PAUSED if attrs["State"]["Paused"] else Life.RUNNING


def _addresses(attrs: dict[str, Any]) -> list[str]:
    return sorted(str(network["IPAddress"]) for network in attrs["NetworkSettings"]["Networks"].values())
