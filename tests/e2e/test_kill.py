"""`kill -9` of the lab in mid-fault, then `lab heal`: no process, container, network or file of the run is left."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from lab.runtime.ownership.ledger import RUN_MARK
from tests.standing import folders_of

ROOT = Path(__file__).parents[2]
LAB = [sys.executable, "-m", "lab"]

pytestmark = pytest.mark.timeout(180)


def killed_in_mid_fault(runtime: str, seen: Callable[[str], Sequence[object]]) -> str:
    """The id of a run whose lab was killed after it reported the fault as on and `seen` had seen its parts."""
    command = [*LAB, "run", "s11-blackhole", "--quick", "--runtime", runtime]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as lab:
        try:
            assert lab.stderr
            assert any(line.startswith("  fault:") for line in lab.stderr), (
                "the fault phase was never reached"
            )
            newest = max((ROOT / "runs").glob("*-s11-blackhole-*"), key=lambda folder: folder.name)
            assert seen(newest.name), "what is not seen now would not be missed later"
            assert left_on_disk(newest.name)
        finally:
            lab.kill()
    return newest.name


def heal() -> None:
    subprocess.run([*LAB, "heal"], cwd=ROOT, stdout=subprocess.DEVNULL, timeout=120, check=True)


def carrying(run: str) -> list[psutil.Process]:
    """Every process that carries the mark of `run`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARK) == run:
                found.append(process)
        except psutil.Error:
            continue
    return found


def left_on_disk(run: str) -> list[Path]:
    ledgers = list((ROOT / ".lab" / "owned").glob(f"{run}*"))
    return ledgers + folders_of(run)


@pytest.mark.long  # CI has the kill points, and the same without load: tests/integration/test_local_runtime.py
def test_a_killed_run_leaves_no_process_and_no_file(needs_local: None) -> None:
    run = killed_in_mid_fault("local", carrying)
    heal()
    assert carrying(run) == []
    assert left_on_disk(run) == []


@pytest.mark.long  # CI has the same without load: tests/docker/test_docker_runtime.py
def test_a_killed_run_leaves_no_container_and_no_network(needs_docker: None) -> None:
    from lab.runtime.containers.engine import client
    from lab.runtime.ownership.ledger import RUN_LABEL

    def mine(run: str) -> list[object]:
        label = {"label": f"{RUN_LABEL}={run}"}
        return client().containers.list(all=True, filters=label) + client().networks.list(filters=label)

    run = killed_in_mid_fault("docker", mine)
    heal()
    assert mine(run) == []
    assert carrying(run) == []
    assert left_on_disk(run) == []
