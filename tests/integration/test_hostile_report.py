"""`lab report` as a command: the same bytes in any shell, and a page where nothing can be drawn at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli import drawing
from lab.judge.verdict import judge
from lab.record import RunRecord, write_verdict
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import make_verdict

ROOT = Path(__file__).parents[2]
RC = "savefig.dpi: 33\nfont.size: 40\naxes.grid: True\nbackend: no-such-backend\n"
NOTEBOOK = "module://matplotlib_inline.backend_inline"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that was judged but not drawn."""
    folder = make_run(tmp_path / "runs" / "run", Fabricated(requests=120))
    write_verdict(folder, judge(RunRecord(folder)))
    return folder


def report(folder: Path, cwd: Path, **shell: str) -> dict[str, str]:
    """What `lab report` writes, in hashes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MPL")} | shell
    command = [sys.executable, "-m", "lab", "report", str(folder)]
    subprocess.run(
        command,
        cwd=cwd,
        env=env | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )
    drawn = [folder / "report.html", folder / "summary.md", *(folder / "figures").iterdir()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(drawn)}


def test_a_hostile_shell_home_and_current_folder_change_no_byte_of_a_report(
    folder: Path, tmp_path: Path
) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    for place in (here, home / ".config" / "matplotlib"):
        place.mkdir(parents=True)
        (place / "matplotlibrc").write_text(RC)
    clean = report(folder, ROOT)
    assert len(clean) == 2 + 6
    assert (
        report(folder, here, HOME=str(home), MPLBACKEND=NOTEBOOK, LAB_CACHE=str(tmp_path / "cache")) == clean
    )
    assert (
        report(folder, tmp_path, MATPLOTLIBRC=str(here), MPLCONFIGDIR=str(here), PYTHONWARNINGS="error")
        == clean
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [("pass", "No module named"), ("os.kill(os.getpid(), 11)", "python failed with exit code -11")],
    ids=["missing", "crashing"],
)
def test_without_a_matplotlib_every_figure_is_a_line_on_the_page(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    """The interpreter is the real one; the first import of matplotlib fails in it, or ends it."""
    (tmp_path / "reading.py").write_text(PLANTED.format(how=how))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {tmp_path / "reading.py"} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    write_verdict(folder, make_verdict("run"))
    page = drawing.report(folder).read_text()
    assert "naive broke" in page
    assert page.count("<img") == 0
    assert page.count(said) == 6
    for title in ("Second by second", "Every request", "What became of the requests"):
        assert title in page


PLANTED = """
import importlib.abc, os, runpy, sys

class Planted(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "matplotlib":
            {how}
            raise ModuleNotFoundError("No module named 'matplotlib'")

sys.meta_path.insert(0, Planted())
runpy.run_module("reports", run_name="__main__", alter_sys=True)
"""
