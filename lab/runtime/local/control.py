"""What can be done to, and observed of, one member of a local part. Each capability has its own module next to this.

Everything here applies to all processes of the member: gunicorn's master and workers, PostgreSQL's postmaster and its
server processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from lab.model import LabError, Life, PartSample, PartState, Undo, a_part
from lab.runtime import descriptors, readings
from lab.runtime.effects import about_to
from lab.runtime.local.cpu_limit import REASON as CPU
from lab.runtime.local.cpu_limit import CpuLimit
from lab.runtime.local.members import Member
from lab.runtime.local.memory_limit import MemoryLimit
from lab.runtime.local.stopping import Stopper
from lab.runtime.ownership import trees
from lab.runtime.parts import HEALTHY, Tell

PAUSE = "pause"
POLL_S = 0.01


class LocalControl:
    """`lab.runtime.parts.Control` of `member`."""

    def __init__(self, member: Member, tell: Tell) -> None:
        self.name = member.name
        self._member = member
        self._tell = tell
        self._asked = HEALTHY
        self._stopper = Stopper(self._root)
        self._cpu = CpuLimit(self._root, self._stopper)
        self._memory = MemoryLimit(self._root)
        self._usual_descriptors = descriptors.soft_limit(self._root()) or 0
        self._changing = threading.RLock()

    def bring(self, state: PartState) -> None:
        about_to(f"process: change {self._member.process.name}")
        with self._changing:
            if state.life is Life.DEAD:
                self._end(state.grace_s)
                self._limit(state)
            else:
                if not self._root() and (state == HEALTHY or self._asked.life is Life.DEAD):
                    self._start()
                self._limit(state)
                if state.life is Life.PAUSED:
                    self._stopper.hold(PAUSE)
                else:
                    self._stopper.release(PAUSE)
            self._asked = state

    def state(self) -> PartState:
        return PartState(
            life=self._life() if self._root() or self._asked.life is not Life.RUNNING else Life.RUNNING,
            cpus=self._cpu.cpus,
            memory_bytes=self._memory.memory_bytes,
            descriptors=self._descriptors_now(),
        )

    def kill(self) -> bool:
        with self._changing:
            if not (root := self._root()):
                return False
            about_to(f"process: kill {self._member.process.name}")
            trees.kill(root)
            self._member.process.stop()
            self._stopper.forget()
            return True

    def look(self) -> PartSample:
        at, root, life = time.monotonic(), self._root(), self._life()
        pids = trees.tree(root)
        return PartSample(
            target=str(a_part(self._member.part)),
            start_s=at,
            member=self.name,
            pid=root,
            life=life,
            restarts=self._member.restarts,
            cpu_s=readings.cpu_s(pids),
            rss_bytes=sum(map(readings.memory_bytes, pids)),
            descriptors=max(map(descriptors.open_descriptors, pids), default=0),
            throttled_s=self._cpu.throttled_s,
            oom_kills=self._memory.kills,
            cpus_max=self._cpu.cpus,
            rss_max_bytes=self._memory.memory_bytes,
            descriptors_max=descriptors.soft_limit(root) if root else None,
        )

    def undo(self) -> Sequence[Undo]:
        return self._member.process.undo()

    def _root(self) -> int:
        """The pid of its first process; 0 if it has ended."""
        process = self._member.process
        return process.pid if process.running() else 0

    def _life(self) -> Life:
        root = self._root()
        if not root:
            return Life.DEAD
        still = trees.stopped(root)
        return (
            Life.PAUSED
            if still and (self._stopper.holds(PAUSE) or not self._stopper.holds(CPU))
            else Life.RUNNING
        )

    def _descriptors_now(self) -> int | None:
        """The requested limit, if it is there; else the limit that is."""
        asked, root = self._asked.descriptors, self._root()
        return asked if asked is None or not root else descriptors.soft_limit(root)

    def _limit(self, state: PartState) -> None:
        self._cpu.set(state.cpus)
        self._memory.set(state.memory_bytes)
        if state.descriptors != self._asked.descriptors:
            for pid in trees.tree(self._root()):
                descriptors.limit(pid, state.descriptors or self._usual_descriptors)

    def _end(self, grace_s: float) -> None:
        self._cpu.set(None)
        self._memory.set(None)
        self._stopper.release(PAUSE)
        process, give_up = self._member.process, time.monotonic() + grace_s
        if grace_s:
            process.ask_to_stop()
        while process.running() and time.monotonic() < give_up:
            time.sleep(POLL_S)
        if process.running():
            trees.kill(process.pid)
        process.stop()
        self._stopper.forget()

    def _start(self) -> None:
        self._member.restart()
        if not self._root():
            raise LabError(
                f"{self._member.process.name} could not be restarted: see {self._member.process.log}."
            )
        self._tell(self._member.part, self.name, "the fault was healed")
