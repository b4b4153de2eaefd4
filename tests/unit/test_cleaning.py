"""Cleaning up: all or nothing, and no run begins meanwhile."""

import json
import os
from pathlib import Path

import pytest

from lab import paths
from lab.cli import cleaning
from lab.model import LabError
from lab.model.campaigns import Campaign, CampaignKind
from lab.record.campaigns import CampaignFolder
from lab.runtime.ownership.belonging import make_folder
from lab.runtime.ownership.ledger import FOLDER
from lab.runtime.ownership.lock import run_lock
from tests.fabricated.folder import Fabricated, make_run
from tests.forged import forged_ledger
from tests.unit.conftest import Lab

RUN = "20261126-041800-s99-made-up-0001"


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


def copy() -> Path:
    """The state of the copy that a self-check works in."""
    return paths.STATE / "selfcheck" / paths.STATE.name


@pytest.fixture
def scratch(lab: Lab, tmp_path: Path) -> Path:
    """What the run of a self-check left that was killed: a folder, and its ledger in the state of the copy."""
    folder = tmp_path / "scratch"
    make_folder(folder, RUN)
    left = {"record": "own", "kind": FOLDER, "key": str(folder), "details": {}}
    forged_ledger(copy(), RUN, left)
    return folder


def test_what_a_killed_self_check_left_is_shown_and_healed(lab: Lab, scratch: Path) -> None:
    assert f"left over: {RUN}. Clean up: bin/lab heal" in lab("ps")[1]
    assert lab("heal")[:2] == (0, f"removed {scratch}\n")
    assert lab("heal")[:2] == (0, "Nothing to heal.\n")


def test_what_a_killed_self_check_left_is_healed_before_its_ledger_goes(lab: Lab, scratch: Path) -> None:
    assert lab("clean")[:2] == (0, f"removed {scratch}\nClean.\n")
    assert not scratch.exists()
    assert not paths.STATE.exists()


def test_nothing_is_removed_while_the_run_of_a_killed_self_check_goes_on(lab: Lab, scratch: Path) -> None:
    with run_lock(copy()):
        code, _, err = lab("clean")
    assert code == 2
    assert "Another run is in progress" in err
    assert scratch.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("user", [65_534, 64_999], ids=["with a name", "without one"])
def test_root_does_not_forget_what_another_user_has_running(lab: Lab, user: int) -> None:
    ledger = forged_ledger(paths.STATE, RUN, {"record": "standing", "published": {}})
    os.chown(ledger, user, user)
    code, _, err = lab("clean")
    who = "nobody" if user == 65_534 else "user 64999"
    assert code == 3
    assert err.startswith(f"lab: {ledger} belongs to {who}. Only {who} can stop what it lists.")
    assert err.endswith(f" As {who}: bin/lab clean\n")
    assert ledger.exists()


@pytest.mark.parametrize("where", ["here", "in the copy"])
def test_what_a_ledger_names_that_was_not_written_here_is_not_forgotten(lab: Lab, where: str) -> None:
    ledger = forged_ledger(paths.STATE if where == "here" else copy(), RUN, genuine=False)
    code, _, err = lab("clean")
    assert (code, err.count("\n")) == (3, 1)
    assert err.endswith(f"If nothing it lists is running: rm {ledger}\n")
    assert ledger.exists()
    ledger.unlink()
    assert lab("clean")[0] == 0
    assert not paths.STATE.exists()


def test_a_ledger_that_a_kill_left_empty_keeps_nobody_from_cleaning_up(lab: Lab) -> None:
    forged_ledger(paths.STATE, RUN).write_text("")
    assert lab("clean")[0] == 0
    assert not paths.STATE.exists()


def manifest(folder: Path, **members: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(members))
    return folder


OLD = dict.fromkeys(("run", "scenario", "runtime", "lab_version", "t0_wall"), "")


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("kept", OLD),
        ("kept", {**OLD, "format": 2}),
        ("kept", {**OLD, "format": 9}),
        ("20261121-080000-s01-db-latency-3fa9", {}),
    ],
)
def test_a_run_of_any_format_is_a_run_and_so_is_what_has_the_name_of_one(
    tmp_path: Path, name: str, members: dict[str, object]
) -> None:
    assert cleaning.is_ours(manifest(tmp_path / name, **members))


@pytest.mark.parametrize("members", [{}, {"run": "x"}, {"name": "Shop"}, {**OLD, "format": "zip"}])
def test_a_manifest_of_something_else_makes_no_run(tmp_path: Path, members: dict[str, object]) -> None:
    assert not cleaning.is_ours(manifest(tmp_path / "shop", **members))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000])
def test_a_manifest_that_cannot_be_read_makes_no_run(tmp_path: Path, text: str) -> None:
    (manifest(tmp_path / "shop") / "manifest.json").write_text(text)
    assert not cleaning.is_ours(tmp_path / "shop")


def test_a_campaign_is_one_by_its_plan(tmp_path: Path) -> None:
    plan = Campaign(kind=CampaignKind.SWEEP, scenario="s99", quick=True, runtime="local", seed=7, cells=())
    assert cleaning.is_ours(CampaignFolder.create(tmp_path / "kept", plan).folder)


def test_a_link_called_latest_that_names_no_run_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "latest").symlink_to("thesis")
    assert cleaning.remove_runs(tmp_path) == 0
    assert (tmp_path / "latest").is_symlink()
