"""Whether a server stands still is seen by a look at its first processes alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from lab.model import Life
from lab.runtime.ownership.trees import CHILDREN_KNOWN
from lab.runtime.servers import life

SERVER = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
pytestmark = pytest.mark.skipif(
    not CHILDREN_KNOWN, reason="this kernel does not tell whose child a process is"
)


@pytest.fixture
def server() -> Iterator[psutil.Process]:
    """A process with one child, both waiting for an input that never comes."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE) as process:
        found = psutil.Process(process.pid)
        while not found.children():
            time.sleep(0.01)
        child = found.children()[0]
        yield found
        for one in (child, found):
            one.kill()


def seen(pid: int, wanted: Life) -> Life:
    """Its life as soon as it is what is wanted: a signal takes a moment."""
    give_up = time.monotonic() + 5
    while (found := life(pid)) is not wanted and time.monotonic() < give_up:
        time.sleep(0.01)
    return found


def test_a_server_is_paused_while_it_or_a_child_of_it_is_stopped(server: psutil.Process) -> None:
    for stopped in (server, server.children()[0]):
        assert seen(server.pid, Life.RUNNING) is Life.RUNNING
        stopped.send_signal(signal.SIGSTOP)
        assert seen(server.pid, Life.PAUSED) is Life.PAUSED
        stopped.send_signal(signal.SIGCONT)


def test_what_does_not_run_is_dead() -> None:
    assert life(0) is Life.DEAD
