"""Ledgers that another user has written, and we may not read: they are named, and nothing else is hidden."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import cli, paths
from lab.cli import kept
from lab.runtime.ownership.belonging import make_folder
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import CONTAINER, FOLDER, Ledger, leftovers, read
from tests.forged import forged_ledger
from tests.unit.conftest import Lab

RUN = "20261129-090000-s99-made-up-0001"
NOBODY = 65_534
UID = 4  # in a stat_result


def own(kind: str, key: object) -> dict[str, object]:
    return {"record": "own", "kind": kind, "key": str(key), "details": {}}


def give_to_nobody(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lstat = Path.lstat

    def of_nobody(self: Path) -> os.stat_result:
        found = lstat(self)
        return os.stat_result((*found[:UID], NOBODY, *found[UID + 1 :])) if self == path else found

    monkeypatch.setattr(Path, "lstat", of_nobody)


@pytest.fixture
def foreign(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that names a container. Root may read every file, so the calls themselves have to refuse."""
    path = forged_ledger(paths.STATE, "20261129-080000-up-0001", own(CONTAINER, "x"))
    read_bytes = Path.read_bytes

    def refusing(self: Path) -> bytes:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    give_to_nobody(path, monkeypatch)
    return path


@pytest.fixture
def closed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ledgers that its owner has closed. Root may enter any, so the call itself has to refuse."""
    folder, access = paths.STATE / "owned", os.access
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and access(path, mode))
    give_to_nobody(folder, monkeypatch)
    return folder


def sentence(ledger: Path) -> str:
    return f"{ledger} belongs to nobody. Only nobody can stop what it lists. As nobody: bin/lab"


@pytest.fixture
def scratch(foreign: Path, tmp_path: Path) -> Path:
    """The folder that a dead run of our own has left; its ledger is read after the foreign one."""
    folder = tmp_path / "scratch"
    make_folder(folder, RUN)
    forged_ledger(paths.STATE, RUN, own(FOLDER, folder))
    return folder


def test_healing_says_whose_it_is_and_heals_the_rest(lab: Lab, foreign: Path, scratch: Path) -> None:
    code, out, err = lab("heal")
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"left alone: {sentence(foreign)} heal", f"removed {scratch}"]
    assert foreign.exists()


def test_a_guardian_ends_what_its_own_run_left(foreign: Path, scratch: Path) -> None:
    assert f"removed {scratch}" in heal(paths.STATE)
    assert [run.run for run in leftovers(paths.STATE)] == [foreign.stem]


def test_what_is_running_and_what_is_left_is_listed_beside_it(lab: Lab, foreign: Path, scratch: Path) -> None:
    code, out, _ = lab("ps")
    assert code == 0
    assert f"{sentence(foreign)} heal" in out
    assert f"left over: {RUN}" in out


def test_taking_down_and_cleaning_up_name_it(lab: Lab, foreign: Path) -> None:
    assert lab("down")[:2] == (0, f"left alone: {sentence(foreign)} down\n")
    code, _, err = lab("clean")
    assert (code, err) == (3, f"lab: {sentence(foreign)} clean\n")
    assert foreign.exists()


def test_a_folder_of_ledgers_that_we_may_not_list_is_named_by_every_command(lab: Lab, closed: Path) -> None:
    assert lab("heal")[:2] == (0, f"left alone: {sentence(closed)} heal\n")
    assert lab("down")[:2] == (0, f"left alone: {sentence(closed)} down\n")
    assert f"{sentence(closed)} heal\n" in lab("ps")[1]
    assert lab("clean") == (3, "", f"lab: {sentence(closed)} clean\n")
    assert closed.exists()


def test_runs_are_listed_and_an_interrupt_still_knows_what_is_left(
    foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.print_runs(as_json=True)
    assert capsys.readouterr().out == "[]\n"
    assert cli.interrupted() == "Interrupted. Everything is healed and stopped."
    ledger = Ledger(paths.STATE, RUN)
    assert "before healing ended" in cli.interrupted()
    ledger.close()


def test_nothing_that_it_may_say_counts(foreign: Path) -> None:
    run = read(foreign)
    assert (run.genuine, run.owned, run.standing) == (False, (), False)
