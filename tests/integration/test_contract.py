"""Schemathesis holds both twins, under gunicorn as they run, to the contract they share."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.runtime.ports_free import LOOPBACK
from tests.twins import HARDENED, HEADERS, NAIVE

CONTRACT = Path(__file__).parents[2] / "services" / "contract.yaml"
OPERATIONS = 16
EXAMPLES_MAX = 8  # an operation and phase
SEED = 20261121
# Rules between fields, such as "ends_at is after starts_at", are no part of a JSON schema: rightly 422.
NOT_CHECKED = ["positive_data_acceptance"]
# Naive takes whatever it can make use of.
NOT_CHECKED_OF_NAIVE = [*NOT_CHECKED, "negative_data_rejection"]
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422]
"""
# The stories of the naive twin: where what is not checked at the door becomes a 500, by the reason in its log.
STORIES = {
    "DataError": "a number beyond 32 bits, or a NUL",
    "UnicodeEncodeError": "half a surrogate pair, or a reference that is no HTTP header",
    "OverflowError": "the last day that Python knows",
    "RecursionError": "JSON nested deeper than Python's stack",
    "ProgrammingError": "an object where PostgreSQL wants a text",
    "IntegrityError": "null where a column wants something",
    "IndexError": "a page of none",
}

pytestmark = pytest.mark.timeout(300)


def schemathesis(port: int, folder: Path, not_checked: list[str], *more: str) -> subprocess.CompletedProcess:
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(CONTRACT)]
    command += [
        "--url",
        f"http://{LOOPBACK}:{port}",
        "--header",
        f"Authorization: {HEADERS['Authorization']}",
    ]
    command += ["--max-examples", str(EXAMPLES_MAX), "--seed", str(SEED), "--generation-database", "none"]
    command += ["--exclude-checks", ",".join(not_checked), "--request-timeout", "5", "--no-color"]
    command += ["--header", "X-Deadline-S: 5", *more]  # what 0 does is another test's
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=280, check=False)


def test_hardened_keeps_the_contract(serve, tmp_path):
    with serve(*HARDENED) as server:
        report = schemathesis(server.port, tmp_path, NOT_CHECKED)
    assert report.returncode == 0, report.stdout + report.stderr
    assert f"Tested: {OPERATIONS}" in report.stdout
    assert '"status": 500' not in (tmp_path / "log").read_text()


def test_naive_keeps_the_contract_but_for_its_stories(serve, tmp_path):
    with serve(*NAIVE) as server:
        phases = (
            "--phases",
            "examples,coverage,fuzzing",
        )  # each of its 500s once, not in every sequence of requests
        report = schemathesis(server.port, tmp_path, NOT_CHECKED_OF_NAIVE, *phases)
    assert f"Tested: {OPERATIONS}" in report.stdout, report.stdout + report.stderr
    found = set(re.findall(r"- ST\d+ (.+)", report.stdout))
    # What it took although it is wrong (a reference without letters), it shows again.
    assert found <= {"Server error", "Undocumented status code", "Response violates schema"}, report.stdout
    assert set(re.findall(r"Received: (\d+)", report.stdout)) <= {"500"}
    reasons = set(re.findall(r'"status": 500, "reason": "(\w+)"', (tmp_path / "log").read_text()))
    assert reasons <= STORIES.keys()
