"""Another user of this machine, while a stack stands: what he can read, and who talks to him.

The stack is started under an umask that hides nothing. Logins at the database: test_local_runtime.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.model import CACHE, PAYMENTS, POSTGRES, QUEUE, Secrets, Topology
from lab.record import RunWriter
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import NAIVE, PAIR
from tests.standing import Heard, a_stack, folders_of
from tests.strangers import StrangersSuite

TOPOLOGY = Topology(parts=(POSTGRES, PAYMENTS, CACHE, QUEUE))
SECRETS = Secrets.fresh()
STRANGER = 65_534
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


class TestLocalStrangers(StrangersSuite):
    twin, secrets = NAIVE, SECRETS

    @pytest.fixture
    def testbed(self, standing: Standing) -> LocalTestbed:
        return standing.testbed
