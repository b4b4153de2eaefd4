"""Processes, ports and locks of the local runtime, with the smallest programs that show the claim."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.model import LabError
from lab.runtime import ports_free
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ownership.identity import started
from lab.runtime.ownership.ledger import RUN_MARK, Ledger, read
from lab.runtime.ownership.lock import run_lock
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.programs import environment

TRAP = 'trap "" TERM; echo ready; while :; do sleep 0.01; done'


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "state", "run-1")
    yield ledger
    ledger.close()


@pytest.fixture
def run(tmp_path: Path, ledger: Ledger) -> Iterator[Any]:
    """Starts a shell script as a Process, and ends it after the test."""
    all_of_them: list[Process] = []

    def start(script: str, **options: Any) -> Process:
        options = {"env": environment(), "cwd": tmp_path, **options}
        process = Process(
            "the script", ["sh", "-c", script], tmp_path / "logs" / "script.log", ledger, **options
        )
        all_of_them.append(process)
        return process

    yield start
    for process in all_of_them:
        process.stop()


def test_wait_gives_the_exit_code_and_disowns(run: Any, ledger: Ledger) -> None:
    process = run("exit 7")

    assert process.wait(5) == 7
    assert not process.running()
    assert read(ledger.path).owned == ()


def test_a_running_process_is_in_the_ledger_and_carries_the_mark_of_the_run(run: Any, ledger: Ledger) -> None:
    process = run(f'echo "mark=${RUN_MARK}"; exec sleep 20')
    process.wait_until(lambda: b"mark=run-1" in process.log.read_bytes(), 5)

    assert [thing.key for thing in read(ledger.path).owned] == [str(process.pid)]


def test_wait_names_program_and_log_when_it_takes_too_long(run: Any) -> None:
    with pytest.raises(LabError, match=r"the script did not end within 0.01 s; its log is .*script\.log"):
        run("exec sleep 20").wait(0.01)


def test_wait_until_tells_the_end_of_the_log_of_a_process_that_died(run: Any) -> None:
    with pytest.raises(LabError, match="exit code 3: no such luck"):
        run("echo no such luck; exit 3").wait_until(lambda: False, 5)


def test_wait_until_is_bounded(run: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(LabError, match=r"not ready within 0\.03 s"):
        run("exec sleep 20").wait_until(lambda: False, 0.03)
    assert time.monotonic() - begun < 10


def test_stop_kills_what_does_not_listen_and_its_children(run: Any, tmp_path: Path) -> None:
    process = run(f"sh -c 'echo $$ > child; {TRAP}' & {TRAP}", stop_timeout_s=0.03)
    child = tmp_path / "child"
    process.wait_until(lambda: process.log.read_text().count("ready") == 2 and child.read_text(), 5)

    process.stop()

    assert not process.running()
    assert int(child.read_text()) != process.pid
    assert _ends(int(child.read_text()))


def test_stop_twice_is_harmless(run: Any) -> None:
    process = run("exec sleep 20")
    process.stop()
    process.stop()

    assert process.wait(1) == -signal.SIGTERM


def test_a_program_leads_a_group_of_its_own_in_our_session(run: Any) -> None:
    process = run("exec sleep 20")

    assert os.getpgid(process.pid) == process.pid
    assert os.getsid(process.pid) == os.getsid(0)


def test_a_missing_program_is_one_clear_sentence(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(LabError, match="gizmo cannot be started: No such file or directory"):
        Process("gizmo", [str(tmp_path / "gizmo")], tmp_path / "log", ledger, env={}, cwd=tmp_path)


def test_cpu_time_counts_children(run: Any) -> None:
    process = run("sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo done; exec sleep 20' & wait")
    process.wait_until(lambda: "done" in process.log.read_text(), 5)

    assert (process.cpu_s() or 0) > 0


def test_nothing_starts_any_more_after_stop(tmp_path: Path, ledger: Ledger) -> None:
    group = Processes("the naive twin", tmp_path, ledger)
    group.stop()

    with pytest.raises(LabError, match="the naive twin is being stopped"):
        group.start("late", ["true"], env={}, cwd=tmp_path)


def test_a_reserved_port_is_below_the_ephemeral_ones_and_refuses_connections() -> None:
    ports = Ports()
    port = ports.reserve()

    assert port < 32_768
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=1)
    ports.release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a port be held for a server to come")
def test_a_reserved_port_serves_its_server_again_and_again_and_nobody_else() -> None:
    ports = Ports()
    port = ports.reserve()

    for _ in range(2):  # a proxy that goes down and up again
        with socket.create_server((LOOPBACK, port)):
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        with socket.socket() as other_lab, pytest.raises(OSError, match="in use"):
            other_lab.bind((LOOPBACK, port))
    ports.release()


def test_no_port_is_given_twice() -> None:
    ports = Ports()
    given = [ports.reserve() for _ in range(100)]

    assert len(set(given)) == 100
    ports.release()


def test_a_second_run_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(LabError, match=f"pid {os.getpid()}"), run_lock(tmp_path):
        pytest.fail("two runs at once")


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from lab.runtime.ownership.lock import run_lock\n"
        f"with run_lock(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=20)
    assert killed.returncode == -signal.SIGKILL

    with run_lock(tmp_path):
        pass


def _ends(pid: int) -> bool:
    """Whether the process is gone shortly: a killed orphan is reaped by someone else, in their own time."""
    gone = threading.Event()
    for _ in range(1_000):
        if started(pid) is None:
            return True
        gone.wait(0.01)
    return False


def test_the_last_free_ports_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which three ports of the whole range are free."""
    free = {20_001, 26_000, 32_767}
    bound = ports_free._bound
    monkeypatch.setattr(ports_free, "_bound", lambda port: bound(port) if port in free else None)
    ports = Ports()
    try:
        found = {ports.reserve() for _ in range(2)}
        assert found < free
    finally:
        ports.release()


def test_a_process_that_cannot_be_written_down_is_ended(
    run: Any, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []

    def full(pid: int, *_: object) -> None:
        began.append(pid)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger, "own_process", full)
    with pytest.raises(OSError, match="No space left"):
        run("sleep 60")
    assert [started(pid) for pid in began] == [None]
