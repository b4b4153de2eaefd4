"""What docs/before-and-after.md says about a version of one's own works as it is written there."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.machines import clone

ROOT = Path(__file__).parents[2]
SERVICES = "    services={\n"


@pytest.mark.long
def test_a_copy_of_a_twin_runs_beside_the_original(needs_local: None, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "before-and-after.md").read_text().partition("## Your own version")[2]
    commands = re.findall(r"^\$ (.+)$", page.partition("## The same twin")[0], re.MULTILINE)
    line = re.search(r"```python\n(.+)\n```", page)
    assert line is not None
    mine = clone(tmp_path / "mine")
    (mine / ".venv").symlink_to(ROOT / ".venv")
    for command in commands:
        subprocess.run(command, shell=True, cwd=mine, check=True)
    workload = mine / "lab" / "workload" / "booking" / "__init__.py"
    workload.write_text(workload.read_text().replace(SERVICES, f"{SERVICES}        {line[1]}\n"))
    asked = re.search(r"`bin/lab (run .+? --twin mine)`", page)
    assert asked is not None
    done = subprocess.run(
        [mine / "bin" / "lab", *asked[1].split(), "--runtime", "local", "--again", "2", "--json"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    verdict = json.loads(done.stdout)
    assert [(twin["twin"], twin["verdict"]) for twin in verdict["twins"]] == [
        ("hardened", "held"),
        ("mine", "held"),
    ], verdict["sentence"]
