"""A container that serves HTTP on the twin's network: whether it answers, and how to restart it."""

from __future__ import annotations

from docker.models.containers import Container

from lab.runtime.containers.asking import address, answers, succeeds
from lab.runtime.containers.engine import answering
from lab.runtime.containers.project import SERVICE_PORT

STOP_TIMEOUT_S = 1  # nobody waits any more for what hangs in a service
ASK = "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=float(sys.argv[2]))"


class DockerReplica:
    """`lab.runtime.restarter.Replica`. `directly`: whether this machine can reach containers by their addresses."""

    def __init__(self, name: str, container: Container, network: str, *, directly: bool) -> None:
        self.name = name
        self._container = container
        self._network = network
        self._directly = directly

    @property
    def host_port(self) -> str:
        """The container's short id, not its address, which a restart may change; and the port."""
        return f"{self._container.short_id}:{SERVICE_PORT}"

    def running(self) -> bool:
        with answering():
            self._container.reload()
        return bool(self._container.status == "running")

    def answers(self, path: str, timeout_s: float) -> bool:
        with answering():
            if not self._directly:
                inside = f"http://127.0.0.1:{SERVICE_PORT}{path}"
                return succeeds(self._container, ["python", "-c", ASK, inside, str(timeout_s)])
            self._container.reload()
        here = address(self._container, self._network)
        return bool(here) and answers(f"http://{here}:{SERVICE_PORT}{path}", timeout_s)

    def restart(self) -> None:
        with answering():
            self._container.restart(timeout=STOP_TIMEOUT_S)
