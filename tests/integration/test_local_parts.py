"""What the local runtime does to the members of a part, on real families of processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from lab.model import POSTGRES, SERVICE, Life, PartState
from lab.runtime.local.control import LocalControl
from lab.runtime.local.members import Member
from lab.runtime.local.parts import installing, postgres
from lab.runtime.local.processes import Processes
from lab.runtime.ownership import trees
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.ledger import RUN_MARK, Ledger, holdings, read
from lab.runtime.parts import HEALTHY
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.programs import environment
from tests.parts import PROGRAM, PartSuite, Start, eventually

pytestmark = [pytest.mark.timeout(60)]

FAMILY = 3
RUN = f"run-parts-{os.getpid()}"  # a mark of our own: others may run these tests beside us

HOLDER = """
import os, sys
from pathlib import Path
from lab.model import *
from lab.runtime.local.control import LocalControl
from lab.runtime.local.members import Member
from lab.runtime.local.processes import Processes
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.ownership import trees
from lab.runtime.programs import environment
from tests.parts import PROGRAM, eventually

folder, linger = Path(sys.argv[1]), sys.argv[2] == "linger"
ledger = Ledger(folder / "state", sys.argv[3])
processes = Processes("the test", folder / "logs", ledger)
command = [sys.executable, "-S", "-c", PROGRAM, "idle"]
STATES = (PartState(life=Life.PAUSED), PartState(life=Life.DEAD), PartState(descriptors=16), PartState(cpus=0.1))
for n, state in enumerate(STATES):
    start = lambda n=n: processes.start(f"part {n}", command, env=environment(), cwd=folder)
    member = Member("service", str(n + 1), start)
    eventually(lambda: len(trees.tree(member.process.pid)) == 3)
    control = LocalControl(member, lambda *told: None)
    for undo in control.undo():
        ledger.undo(undo)
    control.bring(state)
if linger:
    ledger.left_standing({})
os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def patient_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was told to stop has time enough to do so on a busy machine."""
    monkeypatch.setattr(trees, "STILL_TIMEOUT_S", 20.0)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state", RUN)


@pytest.fixture
def processes(tmp_path: Path, ledger: Ledger) -> Iterator[Processes]:
    processes = Processes("the test", tmp_path / "logs", ledger)
    yield processes
    processes.stop()


@pytest.fixture
def member(tmp_path: Path, processes: Processes) -> Callable[[str], Member]:
    """Starts PROGRAM; answers when its whole family is there."""

    def start(mode: str) -> Member:
        command = [sys.executable, "-S", "-c", PROGRAM, mode]
        name = f"{mode}-{time.monotonic_ns()}"
        begin = partial(processes.start, name, command, env=environment(), cwd=tmp_path, stop_timeout_s=2.0)
        made = Member(SERVICE, "1", begin)
        eventually(lambda: len(trees.tree(made.process.pid)) == FAMILY)
        return made

    return start


@pytest.fixture
def start(member: Callable[[str], Member]) -> Start:
    return lambda mode: LocalControl(member(mode), lambda *_told: None)


def letters(pids: list[int]) -> set[bool]:
    return {trees.stopped(pid) for pid in pids}


class TestLocalParts(PartSuite):
    def test_every_process_of_a_member_is_paused_and_goes_on(self, member: Callable[[str], Member]) -> None:
        made = member("idle")
        control, family = LocalControl(made, lambda *_told: None), trees.tree(made.process.pid)

        control.bring(PartState(life=Life.PAUSED))
        assert letters(family) == {True}
        control.bring(HEALTHY)
        assert letters(family) == {False}

    @pytest.mark.parametrize("paused", [False, True])
    def test_a_kill_leaves_nobody_also_none_of_another_session(
        self, member: Callable[[str], Member], paused: bool
    ) -> None:
        made = member("idle")
        control, family = LocalControl(made, lambda *_told: None), trees.tree(made.process.pid)
        if paused:
            control.bring(PartState(life=Life.PAUSED))

        assert control.kill()
        eventually(lambda: not any(psutil.pid_exists(pid) and trees.tree(pid) for pid in family))

    @pytest.mark.parametrize("grace_s", [0.0, 2.0])
    def test_whoever_is_stopped_leaves_nobody_also_none_of_another_session(
        self, member: Callable[[str], Member], grace_s: float
    ) -> None:
        made = member("idle")
        family = [psutil.Process(pid) for pid in trees.tree(made.process.pid)]
        LocalControl(made, lambda *_told: None).bring(PartState(life=Life.DEAD, grace_s=grace_s))

        eventually(lambda: not any(process.is_running() and trees.tree(process.pid) for process in family))

    def test_a_new_start_is_told_and_in_the_ledger_with_the_same_command_and_log(
        self, member: Callable[[str], Member], ledger: Ledger
    ) -> None:
        told: list[tuple[str, str, str]] = []
        made = member("idle")
        control = LocalControl(made, lambda *words: told.append(words))
        before, log = psutil.Process(made.process.pid).cmdline(), made.process.log
        control.kill()
        control.bring(HEALTHY)

        assert told == [(SERVICE, "1", "the fault was healed")]
        eventually(lambda: psutil.Process(made.process.pid).cmdline() == before)  # in execve it has no words
        assert made.process.log == log
        assert [thing.key for thing in read(ledger.path).owned] == [str(made.process.pid)]

    def test_a_server_gets_its_time_to_end_where_it_is_stopped_gently(
        self, member: Callable[[str], Member]
    ) -> None:
        codes = []
        for grace_s in (20.0, 0.0):
            made = member("idle")
            popen = made.process._popen
            LocalControl(made, lambda *_told: None).bring(PartState(life=Life.DEAD, grace_s=grace_s))
            codes.append(popen.returncode)

        assert codes == [0, -signal.SIGKILL]

    def test_a_cpu_limit_holds_for_the_process_that_comes_after_a_restart(
        self, member: Callable[[str], Member]
    ) -> None:
        made = member("busy")
        control = LocalControl(made, lambda *_told: None)
        control.bring(PartState(cpus=0.2))
        made.restart()
        before_s = control.look().throttled_s

        eventually(lambda: (control.look().throttled_s or 0) > (before_s or 0) + 0.3)
        control.bring(HEALTHY)


class TestPostgres:
    """The server with its own sessions and its shared memory."""

    @pytest.fixture
    def database(self, processes: Processes, needs_local: None) -> Iterator[tuple[LocalControl, str]]:
        import shutil
        import tempfile

        folder, ports = Path(tempfile.mkdtemp(prefix="lab-parts-")), Ports()
        folder.chmod(0o755)
        data = folder / "data"
        try:
            port = ports.reserve()
            install = installing.installation()
            made = Member(POSTGRES, "1", lambda: postgres.start(install, data, port, processes))
            postgres.await_ready(made.process, data)
            dsn = f"{postgres.dsn(port, install.password)}?connect_timeout=5"
            assert LOOPBACK in dsn
            yield LocalControl(made, lambda *_told: None), dsn
            processes.stop()
            postgres.release(data, processes.ledger)
        finally:
            ports.release()
            shutil.rmtree(folder, ignore_errors=True)

    @pytest.mark.parametrize("grace_s", [None, 0.0, 3.0])
    def test_what_was_committed_is_there_after_a_kill_and_after_a_stop(
        self, database: tuple[LocalControl, str], grace_s: float | None
    ) -> None:
        control, dsn = database
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        if grace_s is None:
            control.kill()
        else:
            control.bring(PartState(life=Life.DEAD, grace_s=grace_s))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn)
        control.bring(HEALTHY)

        def answered() -> bool:
            try:
                with psycopg.connect(dsn) as connection:
                    return connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            except psycopg.OperationalError:
                return False

        eventually(answered)

    def test_its_open_sessions_stand_still_too(self, database: tuple[LocalControl, str]) -> None:
        control, dsn = database
        with psycopg.connect(dsn) as connection:
            (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
            control.bring(PartState(life=Life.PAUSED))
            assert trees.stopped(pid)
            control.bring(HEALTHY)
            assert connection.execute("SELECT 1").fetchone() == (1,)


def killed_lab(folder: Path, how: str) -> None:
    """A lab that was killed while four members were broken, each in a different way."""
    command = [sys.executable, "-c", HOLDER, str(folder), how, RUN]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def marked() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARK) == RUN and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_after_kill_9_a_stack_that_was_left_up_is_whole_again(tmp_path: Path) -> None:
    """Of a paused part the kernel continues the first process itself (its group is an orphan), not the others."""
    killed_lab(tmp_path, "linger")
    state = tmp_path / "state"
    (run,) = holdings(state)
    assert run.standing
    try:
        said = heal(state)

        assert any(line.startswith("continued") for line in said), said
        assert any(line.startswith("lifted the descriptor limit") for line in said)
        assert [line.split(" (")[0] for line in said if line.startswith("started")] == [
            "started the test's part 1 again"
        ]
        eventually(lambda: len(marked()) == 4 * FAMILY)
        assert letters([process.pid for process in marked()]) == {False}
        assert {process.rlimit(psutil.RLIMIT_NOFILE)[0] for process in marked()} == {
            psutil.Process().rlimit(psutil.RLIMIT_NOFILE)[0]
        }
        assert heal(state) == []
    finally:
        take_down(state)
    eventually(lambda: marked() == [])
    assert holdings(state) == []


def test_after_kill_9_of_a_run_nothing_is_left_whatever_state_it_was_in(tmp_path: Path) -> None:
    killed_lab(tmp_path, "run")

    heal(tmp_path / "state")

    eventually(lambda: marked() == [])
    assert holdings(tmp_path / "state") == []


def test_every_undo_is_plain_data(tmp_path: Path, start: Start) -> None:
    control = start("idle")

    assert all(json.loads(json.dumps(dict(undo.details))) == dict(undo.details) for undo in control.undo())
    assert os.getpid() not in [int(undo.details.get("pid", 0)) for undo in control.undo()]
