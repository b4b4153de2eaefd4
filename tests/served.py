"""A twin under gunicorn as it really runs, for tests that speak to it over the wire."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lab.runtime.ports_free import LOOPBACK, Ports
from tests.twins import HEADERS

ROOT = Path(__file__).parents[1]
STARTS_WITHIN_S = 20
THREADS = 8


class Server:
    """A twin under gunicorn, with one worker."""

    def __init__(self, port: int, master: int) -> None:
        self.port, self._master = port, master

    def worker(self) -> int:
        children = Path(f"/proc/{self._master}/task/{self._master}/children").read_text().split()
        return int(children[0])

    def peak_bytes(self) -> int:
        """The most memory that the worker has ever had."""
        status = Path(f"/proc/{self.worker()}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.port), timeout=10)

    def status(self, path: str) -> int:
        with closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)) as connection:
            connection.request("GET", path, headers=HEADERS)
            with connection.getresponse() as answer:
                return answer.status

    def say(self, data: bytes) -> int:
        """The status of the answer to `data`; 0 where the connection was closed without one."""
        with self.connect() as connection:
            connection.sendall(data)
            return first_status(connection)


def first_status(connection: socket.socket) -> int:
    try:
        with connection.makefile("rb") as answer:
            line = answer.readline()
    except ConnectionResetError:
        return 0
    return int(line.split()[1]) if line else 0


@contextmanager
def served(app: str, log: Path, **settings: str) -> Iterator[Server]:
    """`app` under gunicorn with one worker, in an environment of `settings` alone."""
    ports = Ports()
    port = ports.reserve()
    command = [sys.executable, "-m", "gunicorn", "-c", "services/gunicorn.conf.py"]
    command += ["--bind", f"{LOOPBACK}:{port}", "--workers", "1", "--threads", str(THREADS), app]
    environment = {"PATH": os.environ["PATH"], **settings}
    with log.open("wb") as out:
        master = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        server = Server(port, master.pid)
        await_start(server, log)
        yield server
    finally:
        master.terminate()
        master.wait(20)
        ports.release()


def await_start(server: Server, log: Path) -> None:
    give_up = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < give_up:
        try:
            if server.status("/healthz") == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(log.read_text())
