"""A real engine of the test's own that is killed: noticed at once, said when healing, and healed when it is back.

It lives in a network of its own, for two engines in one would take each other's bridges and rules.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.model import Spoiled
from lab.runtime.containers import engine
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import CONTAINER, RUN_LABEL, holdings
from lab.runtime.ownership.relief import Failure
from lab.watching import Alive
from tests.forged import forged_ledger

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("needs_docker"),
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning"
    ),  # the SDK forgets the socket that it cannot connect
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="only root starts an engine"),
]

RUN = f"docker-engine-{os.getpid()}"
PATIENCE_S = 30.0
NOTICED_S = 5.0  # measured: 0.6


class Engine:
    """`dockerd`, with all that it has in a folder of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lab-engine-", dir="/tmp"))
        self.host = f"unix://{self._folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self._folder / "pid").unlink(missing_ok=True)
        command = [
            "unshare", "--net", "dockerd", "--host", self.host, "--data-root", f"{self._folder}/data",
            "--exec-root", f"{self._folder}/exec", "--pidfile", f"{self._folder}/pid",
            "--containerd-namespace", RUN, "--containerd-plugins-namespace", f"{RUN}-plugins",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        give_up = time.monotonic() + PATIENCE_S
        while self.docker("version").returncode:
            assert time.monotonic() < give_up, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def docker(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = ["docker", "--host", self.host, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    def end(self, number: signal.Signals) -> None:
        """By SIGKILL its containerd, too: the next engine would take one that is about to die for its own."""
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(PATIENCE_S)
        mark = self._folder / "exec" / "containerd" / "containerd.pid"
        if number is signal.SIGKILL and mark.exists():
            with suppress(ProcessLookupError):
                os.kill(int(mark.read_text()), number)
            mark.unlink()

    def remove(self) -> None:
        try:
            self.end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.end(signal.SIGKILL)
        # On itself, once for each start that was not ended in good order.
        unmount = ["umount", "--recursive", f"{self._folder}/data"]
        while subprocess.run(unmount, capture_output=True, check=False).returncode == 0:
            pass
        shutil.rmtree(self._folder)


@pytest.fixture
def own(needs_docker: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    caches: tuple[Any, ...] = (engine.client, engine._impatient)
    own = Engine()
    try:
        own.start()
        monkeypatch.setenv("DOCKER_HOST", own.host)
        for cached in caches:
            cached.cache_clear()
        yield own
    finally:
        own.remove()
        engine.Connection.gone = False
        for cached in caches:
            cached.cache_clear()
        gc.collect()  # the forgotten sockets go here, where they are no error of the next test


def look_for(alive: Alive, seconds: float) -> None:
    """As the runner does, until something has gone."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        alive.check()
        time.sleep(0.05)


def test_an_engine_that_is_killed_is_noticed_at_once_and_its_containers_are_not_forgotten(
    own: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(f"tar c -T /dev/null | docker -H {own.host} import - empty", shell=True, check=True)
    own.docker(
        "create", "--name", RUN, "--label", f"{RUN_LABEL}={RUN}", "--network", "none", "empty", "/nothing"
    )
    records = (
        {"record": "engine", "host": own.host},
        {"record": "own", "kind": CONTAINER, "key": RUN, "details": {}},
    )
    forged_ledger(tmp_path, RUN, *records)
    testbed: Any = SimpleNamespace(check=engine.ping)
    with Alive({}, testbed) as alive:
        time.sleep(1)
        alive.check()
        own.end(signal.SIGKILL)
        with pytest.raises(Spoiled, match="The Docker engine ended mid-run"):
            look_for(alive, NOTICED_S)

    monkeypatch.delenv("DOCKER_HOST")  # the user has gone back to his usual engine
    (line,) = heal(tmp_path)
    assert isinstance(line, Failure)
    assert f"No Docker engine answers at {own.host} (the engine of that run): nothing listens there" in line
    assert holdings(tmp_path) != []

    own.start()
    assert heal(tmp_path) == [f"removed container {RUN}"]
    assert holdings(tmp_path) == []
    assert own.docker("ps", "--all", "--quiet").stdout == ""
