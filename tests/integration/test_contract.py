"""Schemathesis holds both twins, as they really run, to the contract they share."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import HARDENED, NAIVE
from tests.standing import Heard, a_stack

ROOT = Path(__file__).parents[2]
TWINS = (NAIVE, HARDENED)
TOKEN = "contract-token"
EXAMPLES_MAX = 6  # an operation and phase
SEED = 20261121
# Rules between fields, such as "ends_at is after starts_at", are no part of a JSON schema: rightly 422.
NOT_CHECKED = "positive_data_acceptance"

pytestmark = [pytest.mark.usefixtures("needs_local"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What schemathesis says of each twin: its exit code and its output."""
    sizes = {"users": 50, "rooms": 5, "bookings": 100, "wallets": 50}
    stack = a_stack("contract", sizes=sizes, token=TOKEN)
    testbed = LocalTestbed(stack, BOOKING, tmp_path_factory.mktemp("state"))
    try:
        testbed.up(Heard())
        edges = [testbed.published(twin)["edge"] for twin in TWINS]
        folders = [tmp_path_factory.mktemp(twin) for twin in TWINS]
        with ThreadPoolExecutor() as pool:
            return dict(zip(TWINS, pool.map(schemathesis, edges, folders), strict=True))
    finally:
        testbed.down()


def schemathesis(edge: str, folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "services" / "contract.yaml")]
    command += ["--url", edge, "--header", f"Authorization: Bearer {TOKEN}"]
    command += ["--max-examples", str(EXAMPLES_MAX), "--seed", str(SEED), "--generation-database", "none"]
    command += ["--exclude-checks", NOT_CHECKED, "--request-timeout", "5", "--no-color"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=150, check=False)


@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_keeps_the_contract(reports, twin):
    assert reports[twin].returncode == 0, reports[twin].stdout + reports[twin].stderr


@pytest.mark.parametrize("twin", TWINS)
def test_every_operation_of_the_contract_was_tried(reports, twin):
    assert "Tested: 15" in reports[twin].stdout
