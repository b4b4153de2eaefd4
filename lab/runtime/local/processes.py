"""Programs as processes: started in a group of their own, waited for with a bound, ended with all they started."""

from __future__ import annotations

import os
import pwd
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from lab.model import LabError, Undo
from lab.runtime.effects import about_to
from lab.runtime.ownership import relief
from lab.runtime.ownership.ledger import RUN_MARK, Ledger
from lab.runtime.programs import as_user

POLL_S = 0.02
STOP_TIMEOUT_S = 5.0
LOG_TAIL_LINES = 5
LOG_TAIL_BYTES = 4096


class Process:
    """One program, leader of its own process group, in the ledger while it runs. A `lab.ports.Child`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ledger: Ledger,
        *,
        env: Mapping[str, str],
        cwd: Path,
        user: pwd.struct_passwd | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        """Start `command`; as `user`, and in no group of ours, where that is given, which takes root."""
        self.name = name
        self.log = log
        self._ledger = ledger
        self._stop_signal = stop_signal
        self._stop_timeout_s = stop_timeout_s
        marked = {**env, RUN_MARK: ledger.run}
        self._again = relief.start(
            name, command, env=marked, cwd=cwd, log=log, stop=int(stop_signal),
            user=-1 if user is None else user.pw_uid, group=-1 if user is None else user.pw_gid,
        )  # fmt: skip
        about_to(f"spawn: {name}")
        try:
            self._popen = _spawned(command, log, env=marked, cwd=cwd, user=user)
        except OSError as exc:
            raise LabError(
                f"{name} cannot be started: {exc.strerror} ({exc.filename or command[0]})."
            ) from exc
        self._family: list[psutil.Process] = []  # all that it has started, when it was asked to stop
        self._kill_at: float | None = None
        self._finished = False
        try:
            self._owned = ledger.own_process(self._popen.pid, name, stop_signal)
        except BaseException:  # nobody else knows of it
            self._signal(signal.SIGKILL)
            self._popen.wait()
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Its exit code. Raises LabError, naming the program and its log, when it has not ended in time."""
        try:
            code = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise LabError(
                f"{self.name} did not end within {timeout_s:g} s; its log is {self.log}."
            ) from None
        self._finish()
        return code

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return as soon as `ready()`. Raises LabError with the log's end when it ends first, or takes too long."""
        give_up = time.monotonic() + timeout_s
        while not ready():
            if not self.running():
                raise LabError(
                    f"{self.name} ended with exit code {self._popen.returncode}: {log_tail(self.log)}"
                )
            if time.monotonic() > give_up:
                raise LabError(f"{self.name} was not ready within {timeout_s:g} s: {log_tail(self.log)}")
            time.sleep(POLL_S)

    def ask_to_stop(self) -> None:
        """Send the gentle signal to the whole group, once, and do not wait."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._stop_timeout_s
            if self.running():
                self._family = _descendants(self.pid)
                self._signal(self._stop_signal)

    def stop(self) -> None:
        """The gentle signal, then in time SIGKILL to all that is left; harmless when it has ended."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(0.0, (self._kill_at or 0.0) - time.monotonic()))
        self._finish()

    def discard(self) -> None:
        """SIGKILL at once, for what nobody needs any more; harmless when it has ended."""
        self._kill_at = time.monotonic()
        self._family = _descendants(self.pid)
        self._finish()

    def undo(self) -> tuple[Undo, ...]:
        """How to continue it, or start it again, without us."""
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # it got ours
        return relief.resume(soft), self._again

    def cpu_s(self) -> float | None:
        """CPU seconds used so far by the process and all its descendants, None where it cannot be told."""
        try:
            root = psutil.Process(self.pid)
            return sum(_cpu_s(process) for process in [root, *root.children(recursive=True)])
        except psutil.Error:
            return None

    def _finish(self) -> None:
        """Kill the whole group, and descendants in other sessions, once and for all: the number may be reused later."""
        if not self._finished:
            # Also when the leader has gone: a worker that hangs must not stay behind.
            self._signal(signal.SIGKILL)
            for process in self._family:
                with suppress(psutil.Error):
                    process.kill()  # not whoever has its number now
            self._popen.wait()
            self._ledger.disowned(self._owned)
            self._finished = True

    def _signal(self, number: signal.Signals) -> None:
        with suppress(
            ProcessLookupError, PermissionError
        ):  # nobody left; macOS says EPERM for a group of zombies
            os.killpg(self.pid, number)


def _spawned(
    command: Sequence[str], log: Path, *, env: Mapping[str, str], cwd: Path, user: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    """`command`, running, with its output in `log`.

    A group can be ended as a whole. No session of its own: Linux shares the CPU out among sessions first (autogroup),
    and between two of them no priority counts.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd,
            process_group=0, **as_user(user),
        )  # fmt: skip


class Processes:
    """Processes that end together. `start` from any thread; none starts any more once `stop` was called."""

    def __init__(self, owner: str, logs: Path, ledger: Ledger, *prefix: str) -> None:
        """`prefix` goes before every command."""
        self.ledger = ledger
        self._prefix = prefix
        self._owner = owner
        self._logs = logs
        self._all: list[Process] = []
        self._disposable: list[Process] = []
        self._starting = threading.Lock()
        self._stopped = False

    def start(
        self, name: str, command: Sequence[str], *, disposable: bool = False, **options: Any
    ) -> Process:
        """A process called "<owner>'s <name>" that writes to <logs>/<name>.log; options as `Process` takes them.

        A disposable one is killed in the end: it would only spend time saying goodbye to clients who have left.
        """
        with self._starting:
            if self._stopped:
                raise LabError(f"{self._owner} is being stopped, so {name} is not started.")
            log = self._logs / f"{name}.log"
            whole = [*self._prefix, *command]
            process = Process(f"{self._owner}'s {name}", whole, log, self.ledger, **options)
            (self._disposable if disposable else self._all).append(process)
            return process

    def stop(self) -> None:
        """Kill what is disposable, ask the others all at once, then end each."""
        with self._starting:
            self._stopped = True
        for process in self._disposable:
            process.discard()
        for process in self._all:
            process.ask_to_stop()
        for process in self._all:
            process.stop()


def log_tail(log: Path) -> str:
    """The last lines of a log, in one line, and where to read more."""
    try:
        data = log.read_bytes()[-LOG_TAIL_BYTES:]
    except OSError:
        data = b""
    lines = [line.strip() for line in data.decode(errors="replace").splitlines() if line.strip()]
    return f"{' | '.join(lines[-LOG_TAIL_LINES:]) or 'it said nothing'} (log: {log})"


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0  # it has just ended: its time is among its parent's children's
    dead_children_s = getattr(times, "children_user", 0.0) + getattr(
        times, "children_system", 0.0
    )  # not on macOS
    return float(times.user + times.system + dead_children_s)
