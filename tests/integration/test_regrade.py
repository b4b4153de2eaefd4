"""A run is judged by the thresholds of its own day: whatever today's files say, no byte of its verdict changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli import assembly
from tests.fabricated.folder import Fabricated, make_run

ROOT = Path(__file__).parents[2]
MADE = ("verdict.json", "report.html", "summary.md", "junit.xml")


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A checkout whose scenario files ask for something else: every threshold of S01 is another number."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "checkout" / "scenarios")
    (file,) = (tmp_path / "checkout" / "scenarios").rglob("s01_db_latency.py")
    text = file.read_text()
    changed = re.sub(r"(at_least|at_most_ms|at_most_s|good_within_ms)=[\d._]+", r"\1=0.5", text)
    assert changed != text
    file.write_text(changed)
    return tmp_path / "checkout"


def lab(*words: str, checkout: Path | None = None) -> str:
    places = [str(place) for place in (checkout, ROOT) if place]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(places), "COLUMNS": "200"}
    command = [sys.executable, "-P", "-m", "lab", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_edited_scenario_changes_no_byte_of_an_old_run(tmp_path: Path, edited: Path) -> None:
    folder = make_run(tmp_path / "runs" / "20261121-083000-s01-db-latency-0001", Fabricated(requests=300))
    assembly.grade(folder)
    lab("report", str(folder))
    before = {name: (folder / name).read_bytes() for name in MADE}
    assert lab("show", "s01") != lab("show", "s01", checkout=edited)
    lab("regrade", str(folder), checkout=edited)
    lab("report", str(folder), checkout=edited)
    assert {name: (folder / name).read_bytes() for name in MADE} == before
