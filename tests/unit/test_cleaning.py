"""Cleaning up: all or nothing, and no run begins meanwhile."""

from pathlib import Path

import pytest

from lab import paths
from lab.cli import cleaning
from lab.model import LabError
from lab.runtime.ownership.lock import run_lock
from tests.fabricated.folder import Fabricated, make_run
from tests.unit.conftest import Lab


def test_no_run_begins_while_its_ledger_could_be_removed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []
    remove_within = cleaning.remove_within

    def meanwhile(state: Path) -> None:
        with pytest.raises(LabError) as told, run_lock(state):
            pass
        refused.append(str(told.value))
        remove_within(state)

    monkeypatch.setattr(cleaning, "remove_within", meanwhile)
    assert lab("clean")[0] == 0
    assert "Another run is in progress" in refused[0]
    assert not paths.STATE.exists()


def test_without_an_engine_images_are_refused_before_anything_is_removed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    folder = make_run(tmp_path / "runs" / "20261121-080000-s01-a", Fabricated(requests=10))
    code, _, err = lab("clean", "--runs", "--images")
    assert (code, err.count("\n")) == (2, 1)
    assert "nothing listens there" in err
    assert folder.exists()


def test_without_a_latest_run_the_others_are_not_denied(lab: Lab, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "20261121-080000-s01-a", Fabricated(requests=10))
    code, _, err = lab("report")
    assert (code, err) == (2, "lab: There is no latest run. Name one: bin/lab runs\n")
