"""Another user of this machine, while a stack stands: what he can read, and whom he can talk to.

The stack is started under an umask that hides nothing. Logins at the database: test_local_runtime.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.model import CACHE, PAYMENTS, POSTGRES, QUEUE, Secrets, Topology
from lab.record import RunWriter
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import NAIVE, PAIR
from tests.standing import Heard, a_stack, folders_of

TOPOLOGY = Topology(parts=(POSTGRES, PAYMENTS, CACHE, QUEUE))
SECRETS = Secrets.fresh()
STRANGER = 65_534
PATIENCE_S, SILENT_S = 20.0, 0.5  # until the answer begins, and between two parts of it
# Told the folders and the secrets by standard input. Reads all that it can of files, command lines and environments.
PROGRAM = """
import json, os, sys
told = json.load(sys.stdin)
found = {"files": [], "secrets": []}
for top in told["folders"]:
    for folder, folders, files in os.walk(top):
        for name in files:
            if os.access(os.path.join(folder, name), os.R_OK):
                found["files"].append(os.path.join(folder, name))
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("cmdline", "environ"):
        try:
            text = open(f"/proc/{pid}/{name}", errors="replace").read()
        except OSError:
            continue
        found["secrets"] += [f"{name} of {pid}" for secret in told["secrets"] if secret in text]
json.dump(found, sys.stdout)
"""

pytestmark = [pytest.mark.usefixtures("needs_local"), pytest.mark.timeout(120)]


@dataclass(frozen=True, kw_only=True)
class Standing:
    testbed: LocalTestbed
    base: Path  # which everybody may enter; in it the lab's state and a run folder


@pytest.fixture(scope="module")
def standing(needs_local: None) -> Iterator[Standing]:
    base, before = Path(tempfile.mkdtemp(prefix="lab-tests-")), os.umask(0)
    base.chmod(0o755)
    testbed = LocalTestbed(
        a_stack("run-break-in", PAIR[:1], topology=TOPOLOGY, secrets=SECRETS), BOOKING, base / "state"
    )
    try:
        testbed.up(Heard())
        folder = RunWriter(base / "run").twin_folder(NAIVE)
        assert testbed.spawn(NAIVE, "json.tool", {"token": SECRETS.token_key}, folder, "tool").wait(30) == 0
        yield Standing(testbed=testbed, base=base)
    finally:
        testbed.down()
        os.umask(before)
        subprocess.run(["rm", "-rf", str(base)], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can be somebody else")
def test_another_user_reads_no_file_and_finds_no_secret_among_the_processes(standing: Standing) -> None:
    folders = [str(standing.base), *map(str, folders_of("run-break-in"))]
    assert len(folders) >= 2
    told = json.dumps({"folders": folders, "secrets": [vars(SECRETS)[name] for name in vars(SECRETS)]})
    command = ["/usr/bin/env", "-i", "python3", "-I", "-c", PROGRAM]
    done = subprocess.run(
        command, input=told, text=True, capture_output=True, user=STRANGER, group=STRANGER, extra_groups=[],
        cwd="/", check=True, timeout=60,
    )  # fmt: skip
    found = json.loads(done.stdout)
    # What is left of the lab's state are its locks and the guardian's log.
    assert {Path(file).name for file in found["files"]} <= {"guardian.log"}
    assert found["secrets"] == []


def test_the_folders_of_a_stack_let_nobody_in(standing: Standing) -> None:
    private = [*folders_of("run-break-in"), standing.base / "run", standing.base / "state" / "owned"]
    assert [stat.S_IMODE(path.stat().st_mode) & 0o007 for path in private] == [0] * len(private)


def said(address: str, question: bytes) -> bytes:
    """All that comes back until the server hangs up or has nothing more to say."""
    host, port = address.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection, suppress(TimeoutError):
        connection.sendall(question)
        while more := connection.recv(65_536):
            answer += more
            greeted = answer.startswith(b"INFO")  # by NATS, which has not answered yet
            connection.settimeout(PATIENCE_S if greeted else SILENT_S)
    return answer


@pytest.mark.parametrize("way", ["", "direct_"])
@pytest.mark.parametrize("login", [b"", b"AUTH lab-password\r\n"])
def test_the_cache_tells_a_stranger_nothing(standing: Standing, way: str, login: bytes) -> None:
    answer = said(standing.testbed.targets(NAIVE)[way + CACHE], login + b"KEYS *\r\nINFO\r\n")
    assert all(line.startswith((b"-NOAUTH", b"-WRONGPASS")) for line in answer.splitlines())
    assert answer.count(b"-NOAUTH") == 2


@pytest.mark.parametrize("way", ["", "direct_"])
@pytest.mark.parametrize("options", [{}, {"auth_token": "lab-password"}, {"user": "", "pass": ""}])
def test_the_queue_tells_a_stranger_nothing(standing: Standing, way: str, options: dict[str, Any]) -> None:
    question = f"CONNECT {json.dumps({'verbose': False, **options})}\r\nSUB > 1\r\nPING\r\n"
    answer = said(standing.testbed.targets(NAIVE)[way + QUEUE], question.encode())
    assert b"-ERR 'Authorization Violation'" in answer
    assert b"PONG" not in answer


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("edge", "/users/1/bookings/"),
        ("edge", "/users/?include=bookings"),
        ("direct_edge", "/bookings/1/"),
        (PAYMENTS, "/charges"),
        (f"direct_{PAYMENTS}", "/charges"),
    ],
)
@pytest.mark.parametrize("token", ["", "x", BOOKING.token("by-hand"), BOOKING.token("")])
def test_service_and_payments_tell_a_stranger_nothing(
    standing: Standing, target: str, path: str, token: str
) -> None:
    url = f"http://{standing.testbed.targets(NAIVE)[target]}{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=5)


def test_metrics_are_open_and_hold_no_secret(standing: Standing) -> None:
    with urllib.request.urlopen(
        f"http://{standing.testbed.targets(NAIVE)['edge']}/metrics", timeout=5
    ) as answer:
        text = answer.read().decode()
    assert "# HELP" in text
    assert not [name for name, secret in vars(SECRETS).items() if secret in text]
