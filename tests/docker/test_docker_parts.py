"""What the docker runtime does to the members of a part, on real containers: the same claims as for local processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container

from lab.model import SERVICE, Life, PartState
from lab.runtime.containers.control import ContainerControl
from lab.runtime.containers.engine import client
from lab.runtime.containers.images import build_images
from lab.runtime.containers.testbed import remove_leftovers
from lab.runtime.descriptors import soft_limit
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.ledger import RUN_LABEL, holdings
from lab.runtime.parts import HEALTHY
from tests.forged import forged_ledger
from tests.parts import PROGRAM, PartSuite, Start, eventually

pytestmark = [pytest.mark.usefixtures("needs_docker"), pytest.mark.timeout(120)]

RUN = os.environ.get("LAB_TEST_PARTS") or f"docker-parts-{os.getpid()}"
FAMILY = 4  # with the engine's init before it
MIB = 1024 * 1024
LIMITS = {"nano_cpus": 1_000_000_000, "mem_limit": 256 * MIB, "memswap_limit": 256 * MIB}

HOLDER = """
import os, sys
from pathlib import Path
from lab.model import *
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.containers.control import ContainerControl
from tests.docker.test_docker_parts import RUN, run

ledger = Ledger(Path(sys.argv[1]), RUN)
STATES = (PartState(life=Life.PAUSED), PartState(life=Life.DEAD), PartState(cpus=0.2, descriptors=16),
          PartState(memory_bytes=64 << 20))
for n, state in enumerate(STATES):
    ledger.own_container(f"{RUN}-{n}")
    control = ContainerControl("service", str(n + 1), run("idle", f"{RUN}-{n}"), lambda *told: None)
    for undo in control.undo():
        ledger.undo(undo)
    control.bring(state)
if sys.argv[2] == "linger":
    ledger.left_standing({})
os.kill(os.getpid(), 9)
"""


def run(mode: str, name: str) -> Container:
    """PROGRAM in a container of its own; answers when its whole family is there."""
    container = client().containers.run(
        build_images().service, ["python", "-S", "-c", PROGRAM, mode], name=name, detach=True, init=True,
        labels={RUN_LABEL: RUN}, read_only=True, cap_drop=["ALL"], network_mode="none", **LIMITS,
    )  # fmt: skip
    eventually(lambda: len(container.top()["Processes"]) == FAMILY)
    return container


@pytest.fixture
def start(needs_docker: None) -> Iterator[Start]:
    made = 0

    def begin(mode: str) -> ContainerControl:
        nonlocal made
        made += 1
        return ContainerControl(SERVICE, str(made), run(mode, f"{RUN}-{made}"), lambda *_told: None)

    try:
        yield begin
    finally:
        remove_leftovers(RUN)


class TestDockerParts(PartSuite):
    def test_a_container_that_was_killed_has_ended_with_137(self, start: Start) -> None:
        control = start("idle")
        control.kill()
        control.bring(HEALTHY)
        control.kill()

        assert client().containers.get(f"{RUN}-1").attrs["State"]["ExitCode"] == 137

    def test_want_of_memory_that_hits_the_main_process_ends_the_container_with_137(
        self, start: Start
    ) -> None:
        """A real kill by the kernel, down to a limit that not even the parent fits in."""
        control = start("grow")
        control.bring(PartState(memory_bytes=6 * MIB))

        eventually(lambda: control.look().life is Life.DEAD)
        state = client().containers.get(f"{RUN}-1").attrs["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (137, True)
        assert (control.look().oom_kills or 0) >= 1
        assert control.state() == PartState(memory_bytes=6 * MIB)
        control.bring(HEALTHY)
        assert control.look().life is Life.RUNNING


def killed_lab(state: Path, how: str) -> None:
    """A lab that was killed while four containers were broken, each in a different way."""
    command = [sys.executable, "-c", HOLDER, str(state), how]
    env = {**os.environ, "LAB_TEST_PARTS": RUN}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_after_kill_9_a_stack_that_was_left_up_is_whole_again(tmp_path: Path) -> None:
    try:
        killed_lab(tmp_path, "linger")

        said = heal(tmp_path)

        assert said == [
            f"continued container {RUN}-0",
            f"started container {RUN}-1 again",
            f"lifted the limits of container {RUN}-2",
            f"lifted the descriptor limit of container {RUN}-2",
            f"lifted the limits of container {RUN}-3",
        ]
        found = [client().containers.get(f"{RUN}-{n}").attrs for n in range(4)]
        assert {attrs["State"]["Status"] for attrs in found} == {"running"}
        assert {attrs["HostConfig"]["NanoCpus"] for attrs in found} == {LIMITS["nano_cpus"]}
        assert {attrs["HostConfig"]["Memory"] for attrs in found} == {LIMITS["mem_limit"]}
        assert len({soft_limit(attrs["State"]["Pid"]) for attrs in found}) == 1
        assert heal(tmp_path) == []
    finally:
        take_down(tmp_path)
        remove_leftovers(RUN)


def test_a_container_and_a_network_of_somebody_elses_are_left_alone(tmp_path: Path) -> None:
    """The attack: a ledger that names them, as things to end and as things to relieve of a fault."""
    name = "somebody-elses"
    theirs = client().containers.run(
        build_images().service,
        ["sleep", "60"],
        name=name,
        detach=True,
        init=True,
        labels={RUN_LABEL: "another"},
    )
    network = client().networks.create(name)
    try:
        theirs.pause()
        relief = {"name": name, "nano_cpus": 1, "memory_bytes": 7 << 20, "swap_bytes": -1, "descriptors": 9}
        forged_ledger(
            tmp_path,
            RUN,
            {"record": "own", "kind": "container", "key": name, "details": {}},
            {"record": "own", "kind": "network", "key": name, "details": {}},
            {"record": "undo", "how": "relieve container", "details": relief},
        )
        assert heal(tmp_path) == []
        theirs.reload()
        assert theirs.status == "paused"
        assert theirs.attrs["HostConfig"]["Memory"] == 0
        assert client().networks.get(network.id).name == name
    finally:
        theirs.remove(force=True)
        network.remove()


def test_after_kill_9_of_a_run_no_container_is_left(tmp_path: Path) -> None:
    try:
        killed_lab(tmp_path, "run")

        heal(tmp_path)

        assert client().containers.list(all=True, filters={"label": f"{RUN_LABEL}={RUN}"}) == []
        assert holdings(tmp_path) == []
    finally:
        remove_leftovers(RUN)


def test_a_kill_is_over_even_if_a_restarter_has_already_started_it_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = start("idle")
    do = control._do

    def do_and_restart(verb: str) -> None:
        do(verb)
        do("start")

    monkeypatch.setattr(control, "_do", do_and_restart)
    assert control.kill()
    assert control.state() == HEALTHY
