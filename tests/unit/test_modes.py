"""File systems without Unix modes: nothing is begun there, and everybody who starts something is told why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.model import LabError
from lab.runtime.modes import require_modes_in
from lab.runtime.ownership.ledger import Ledger

SAID = r"keeps no Unix modes: a file made with 600 has 777.*Move the clone into a Linux file system"


@pytest.fixture
def as_in_wsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which whatever is asked about may be read and written by all."""
    stat = Path.stat

    def open_to_all(path: Path, **options: bool) -> os.stat_result:
        told = stat(path, **options)
        return os.stat_result((told.st_mode | 0o777, *told[1:])) if tmp_path in path.parents else told

    monkeypatch.setattr(Path, "stat", open_to_all)
    return tmp_path


def test_a_folder_without_modes_is_named_and_nothing_is_left_in_it(as_in_wsl: Path) -> None:
    with pytest.raises(LabError, match=SAID):
        require_modes_in(as_in_wsl)
    assert list(as_in_wsl.iterdir()) == []


def test_no_run_begins_without_modes(as_in_wsl: Path) -> None:
    with pytest.raises(LabError, match=SAID):
        Ledger(as_in_wsl, "r")
    assert list((as_in_wsl / "owned").iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_an_ordinary_folder_has_modes_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        require_modes_in(tmp_path)
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_nothing_is_said(tmp_path: Path) -> None:
    require_modes_in(tmp_path / "nowhere")
