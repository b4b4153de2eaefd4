"""Taking a local stack down: also what an interrupt left half made goes, and nothing that is somebody else's."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lab.model import LabError
from lab.runtime.local import in_memory, testbed
from lab.runtime.local.testbed import LocalTestbed
from lab.runtime.ownership import belonging
from lab.runtime.ownership.ledger import holdings
from lab.runtime.testbed import Twins
from lab.workload.booking import BOOKING
from tests.standing import Heard, a_stack


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder of the run is made; no guardian is started."""
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(Twins, "_guarded", Twins._open_ledger)
    return folder


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("module", [testbed, in_memory], ids=["on the disk", "in memory"])
def test_an_interrupt_while_a_folder_is_made_leaves_none(
    disk: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, steps: int
) -> None:
    def interrupted(path: Path, _run: str) -> None:
        if steps > 0:
            path.mkdir()
        if steps > 1:
            (path / belonging.FILE).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "make_folder", interrupted)
    standing = LocalTestbed(a_stack("down"), BOOKING, tmp_path / "state")
    with pytest.raises(KeyboardInterrupt):
        standing.up(Heard())
    standing.down()
    assert list(disk.iterdir()) == list(shared.iterdir()) == holdings(tmp_path / "state") == []


def test_a_folder_that_was_there_before_is_left_alone(disk: Path, shared: Path, tmp_path: Path) -> None:
    standing = LocalTestbed(a_stack("down"), BOOKING, tmp_path / "state")
    standing._folder.mkdir()
    (standing._folder / "thesis.txt").touch()
    with pytest.raises(LabError, match="cannot be started"):
        standing.up(Heard())
    standing.down()
    assert (standing._folder / "thesis.txt").exists()
    assert holdings(tmp_path / "state") == []


def test_the_folders_go_also_where_somebody_has_removed_the_ledger(
    disk: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise LabError("no programs")

    monkeypatch.setattr(testbed, "find_programs", fails)
    standing = LocalTestbed(a_stack("down"), BOOKING, tmp_path / "state")
    with pytest.raises(LabError, match="no programs"):
        standing.up(Heard())
    assert len([*disk.iterdir(), *shared.iterdir()]) == 2
    standing._open_ledger().path.unlink()
    standing.down()
    assert [*disk.iterdir(), *shared.iterdir()] == []
