"""Somebody limits a container in mid-run: the run is invalid, instead of a verdict on a twin that fell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.judge.gates.servers import LIMITS_ALIKE
from lab.model import SERVICE
from lab.runtime.containers.engine import TWIN_LABEL, client
from lab.runtime.docker_client import engine_address
from lab.runtime.ownership.ledger import RUN_LABEL
from tests.fabricated.evidence import HARDENED

ROOT = Path(__file__).parents[2]
SCENARIO, INVALID = "s00-control", 3
SHORT = {"warmup_s": 2, "baseline_s": 4, "fault_s": 6, "recovery_s": 2, "drain_s": 1}
ENDS_S = 240

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("needs_docker"),
    pytest.mark.timeout(300),
]


def command() -> list[str]:
    words = ["run", SCENARIO, "--quick", "--runtime", "docker", "--json", "--no-report", "--again", "0"]
    lengths = [word for name, length_s in SHORT.items() for word in ("--set", f"phases.{name}={length_s}")]
    return [sys.executable, "-m", "lab", *words, *lengths]


def run_of(stderr: Iterator[str]) -> str:
    """The id of the run that tells its steps there, as soon as its fault phase has begun."""
    assert any(line.startswith("  fault:") for line in stderr), "the fault phase was never reached"
    return max((ROOT / "runs").glob(f"*-{SCENARIO}-*"), key=lambda folder: folder.name).name


def limit_service(run: str, twin: str, cpus: float) -> None:
    """As a person would do it, with Docker's own command line."""
    labels = [
        f"{RUN_LABEL}={run}",
        f"{TWIN_LABEL}={twin}",
        f"com.docker.compose.service={SERVICE}",
    ]
    (container,) = client().containers.list(filters={"label": labels})
    update = ["docker", "--host", engine_address().host, "update", "--cpus", str(cpus), str(container.id)]
    subprocess.run(update, check=True, stdout=subprocess.DEVNULL, timeout=30)


def test_a_twin_that_was_throttled_in_mid_run_is_not_said_to_have_fallen() -> None:
    with subprocess.Popen(
        command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as lab:
        try:
            assert lab.stderr
            run = run_of(lab.stderr)
            limit_service(run, HARDENED, 0.1)
            told, _ = lab.communicate(timeout=ENDS_S)
        finally:
            lab.terminate()
    verdict: dict[str, Any] = json.loads(told)
    failed = {gate["name"]: gate["sentence"] for gate in verdict["gates"] if not gate["passed"]}
    assert lab.returncode == INVALID, verdict["sentence"]
    assert (verdict["run"], verdict["valid"]) == (run, False)
    assert LIMITS_ALIKE in failed
    changed = f"The CPU limit of {SERVICE}/1 in the {HARDENED} twin changed from 1.0 to 0.1"
    assert failed[LIMITS_ALIKE].startswith(changed)
    assert {twin["verdict"] for twin in verdict["twins"]} == {"inconclusive"}
