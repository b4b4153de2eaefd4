"""A question to a cache or a queue, asked inside a container: its password is on no command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from lab.model import CACHE
from lab.runtime.containers.asking import replies
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.settings import readiness


class Container:
    """Runs on this machine what it is asked to run."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def exec_run(self, command: list[str], environment: dict[str, str]) -> Any:
        self.commands.append(" ".join(command))
        done = subprocess.run(
            [sys.executable, *command[1:]], env={**os.environ, **environment}, timeout=20, check=False
        )
        return SimpleNamespace(exit_code=done.returncode)


@pytest.mark.parametrize(("answer", "ready"), [(b"+OK\r\n+PONG\r\n", True), (b"-WRONGPASS\r\n", False)])
def test_the_server_hears_the_password_and_no_command_line_shows_it(answer: bytes, ready: bool) -> None:
    question, expected = readiness(CACHE, "the-password")
    container: Any = Container()
    heard: list[bytes] = []
    with socket.create_server((LOOPBACK, 0)) as server:
        server.settimeout(20)

        def serve() -> None:
            client, _address = server.accept()
            with client:
                heard.append(client.recv(1_024))
                client.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        assert replies(container, LOOPBACK, server.getsockname()[1], question, expected) == ready
        serving.join()
    assert heard == [question.encode()]
    assert "the-password" not in container.commands[0]
