"""Whoever changes a run after it has ended, and seals it again, gets no verdict. And a second reader agrees."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from lab.cli import assembly
from tests.fabricated.folder import Fabricated
from tests.fabricated.writing import make_writing_run
from tests.independent.comparing import differences
from tests.tampering import TAMPERINGS, outcome, tamper


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose load writes and which every check judges."""
    folder = make_writing_run(tmp_path_factory.mktemp("runs") / "whole", Fabricated(requests=600))
    assert assembly.grade(folder).valid
    return folder


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_folder_that_was_changed_and_sealed_again_gets_no_verdict(
    whole: Path, tmp_path: Path, what: str
) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    how, said = TAMPERINGS[what]
    tamper(folder, how)
    assert re.search(said, outcome(folder))


def test_a_second_reader_finds_the_same_in_a_run_with_every_check(whole: Path) -> None:
    assert differences(whole) == []


@pytest.mark.parametrize("twin", [0, 1])
def test_a_second_reader_finds_every_number_that_is_not_so(whole: Path, tmp_path: Path, twin: int) -> None:
    """Each check's verdict, and each number of each phase, changed in turn."""
    folder = shutil.copytree(whole, tmp_path / "run")
    told = json.loads((whole / "verdict.json").read_text())
    checks = told["twins"][twin]["checks"]
    places = [(checks, number, "verdict") for number in range(len(checks))]
    phases = told["twins"][twin]["numbers"]["phases"]
    places += [(phases, phase, name) for phase in phases for name in ("planned", "good_ratio", "p50_ms")]
    for holder, key, name in places:
        right = holder[key][name]
        holder[key][name] = "none of these" if name == "verdict" else right + 1
        (folder / "verdict.json").write_text(json.dumps(told))
        assert len(differences(folder)) >= 1, (key, name)
        holder[key][name] = right
