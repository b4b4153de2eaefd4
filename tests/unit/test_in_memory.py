"""The folder in memory of a local stack: where there can be one, and only then; healed by its own run, by no other."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.model import LabError
from lab.runtime.local import in_memory
from lab.runtime.local.in_memory import is_in_memory, make_folder_in_memory
from lab.runtime.local.parts import postgres
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import FOLDER, Ledger, read
from tests.forged import forged_ledger

RUN = f"20261126-041800-s99-made-up-{os.getpid()}"  # another in each process that runs these tests
MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
31 22 {device} / /any\\040where rw,nosuid - {system} none rw,size=64k
"""


@pytest.fixture
def ordinary(tmp_path: Path) -> Path:
    """The run's folder, on a disk."""
    folder = tmp_path / "disk" / f"failure-lab-{RUN}-17"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state", RUN)


def folders_in(ledger: Ledger) -> list[str]:
    return [thing.key for thing in read(ledger.path).owned if thing.kind == FOLDER]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_folder_is_in_memory_and_for_us_alone(
    ordinary: Path, shared: Path, ledger: Ledger, umask: int
) -> None:
    before = os.umask(umask)
    try:
        made = make_folder_in_memory(ordinary, ledger)
    finally:
        os.umask(before)

    assert made == shared / ordinary.name
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert folders_in(ledger) == [str(made)]


def test_the_ledger_has_it_before_it_exists(
    ordinary: Path, shared: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], bool]] = []
    monkeypatch.setattr(
        in_memory, "make_folder", lambda path, run: seen.append((folders_in(ledger), path.exists()))
    )
    made = make_folder_in_memory(ordinary, ledger)

    assert seen == [([str(made)], False)]


def test_a_folder_that_is_in_memory_already_is_taken(
    ordinary: Path, shared: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_memory, "is_in_memory", lambda path: True)

    assert make_folder_in_memory(ordinary, ledger) == ordinary
    assert list(shared.iterdir()) == folders_in(ledger) == []


@pytest.mark.parametrize("why", ["missing", "on a disk", "full"])
def test_where_there_is_no_room_in_memory_nothing_is_tried(
    ordinary: Path, shared: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "missing":
        shared.rmdir()
    elif why == "on a disk":
        monkeypatch.setattr(in_memory, "is_in_memory", lambda path: False)
    else:
        monkeypatch.setattr(in_memory, "NEEDED_BYTES", 1 << 60)

    assert make_folder_in_memory(ordinary, ledger) == ordinary
    assert folders_in(ledger) == []
    assert not shared.exists() or list(shared.iterdir()) == []


@pytest.mark.parametrize(
    ("left", "why"), [(None, "were removed mid-run"), (1_000_000, "has 1 MB left, too little for a database")]
)
def test_a_database_that_cannot_write_is_not_its_twins_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int | None, why: str
) -> None:
    (tmp_path / "base").mkdir()
    postgres.require_room(tmp_path)
    if left is None:
        (tmp_path / "base").rmdir()
    else:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left))
    with pytest.raises(LabError, match=f"{why}, so no twin is judged"):
        postgres.require_room(tmp_path)


@pytest.mark.parametrize("step", ["mkdir", "write_text"])
def test_where_it_cannot_be_made_nothing_of_it_is_left(
    ordinary: Path, shared: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, step, refuse)

    assert make_folder_in_memory(ordinary, ledger) == ordinary
    assert list(shared.iterdir()) == folders_in(ledger) == []


def test_a_folder_of_that_name_that_is_there_already_is_left_alone(
    ordinary: Path, shared: Path, ledger: Ledger
) -> None:
    theirs = shared / ordinary.name
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("ten years of work")

    assert make_folder_in_memory(ordinary, ledger) == ordinary
    assert folders_in(ledger) == []
    assert (theirs / "thesis.txt").exists()


def test_what_a_dead_run_left_there_is_removed_by_its_own_ledger_only(
    ordinary: Path, shared: Path, tmp_path: Path
) -> None:
    made = make_folder_in_memory(ordinary, Ledger(tmp_path / "made", RUN))
    (made / "naive").mkdir()
    left = {"record": "own", "kind": FOLDER, "key": str(made), "details": {}}

    forged_ledger(tmp_path / "another", "another-run", left)
    assert heal(tmp_path / "another") == []
    assert (made / "naive").is_dir()
    forged_ledger(tmp_path / "dead", RUN, left)
    assert heal(tmp_path / "dead") == [f"removed {made}"]


@pytest.mark.parametrize(("system", "told"), [("tmpfs", True), ("ramfs", True), ("ext4", False)])
def test_the_kernel_tells_what_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, told: bool
) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(device=f"{os.major(device)}:{os.minor(device)}", system=system))
    monkeypatch.setattr(in_memory, "MOUNTS", mounts)

    assert is_in_memory(tmp_path) is told


def test_on_a_system_that_does_not_tell_nothing_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_memory, "MOUNTS", tmp_path / "missing")

    assert not is_in_memory(tmp_path)
