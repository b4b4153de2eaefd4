"""The matrix: what a page says of ablations that ended, stopped half-way, were invalid, or were never made."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lab import cli, paths
from lab.campaign import newest, walk
from lab.catalogue import entries, find
from lab.cli import assembly
from lab.cli import campaigns as commands
from lab.model import RunVerdict, Scenario, Verdict
from lab.model.campaigns import Cell
from lab.plan.campaigns import ablation
from lab.record.campaigns import CampaignFolder
from reports.matrix import page, worth
from tests.fabricated.campaigns import judged_as
from tests.fabricated.evidence import a_scenario

HELD, BROKEN = Verdict.HELD, Verdict.BROKEN
S99 = a_scenario(defences=("deadline",))
NEITHER = {"none": BROKEN, "all,-deadline": BROKEN}
Perform = Callable[..., RunVerdict]


def ablated(
    runs: Path, name: str, *ways: Perform, scenario: Scenario = S99, settings: tuple[str, ...] = ()
) -> CampaignFolder:
    """A campaign whose first runs are made in these ways, and which is then stopped; the last way makes the rest."""
    left = list(ways)

    def perform(cell: Cell, place: Callable[[], Path]) -> RunVerdict:
        return (left.pop(0) if len(left) > 1 else left[0])(cell, place)

    plan = ablation(scenario.name, scenario.defences, settings, quick=True, runtime="local", seed=7)
    folder = CampaignFolder.create(runs / name, plan)
    try:
        walk(folder, perform, lambda _text: None)
    except KeyboardInterrupt:
        shutil.rmtree(folder.run_folder(plan.cells[-1].name), ignore_errors=True)
    return folder


def judged(verdicts: Mapping[str, Verdict] = NEITHER, **how: object) -> Perform:
    return judged_as(lambda cell: verdicts.get(cell.name, HELD), [], **how)


def stop(_cell: Cell, _place: object) -> RunVerdict:
    raise KeyboardInterrupt


def shown(runs: Path, scenario: Scenario = S99) -> str:
    found = newest(scenario, runs, ())
    return page([scenario], {scenario.name: found} if found else {}, {"deadline": "", "saga": "S33: money."})


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ((HELD, BROKEN, BROKEN, HELD), "needed and enough"),
        ((HELD, BROKEN, BROKEN, BROKEN), "needed but not enough"),
        ((HELD, BROKEN, HELD, HELD), "enough on its own, and not needed: others have the same effect"),
        ((HELD, BROKEN, HELD, BROKEN), "not enough on its own, and not needed: others have the same effect"),
        ((BROKEN, BROKEN, BROKEN, HELD), "not known: the twin breaks even with all of them"),
        ((HELD, HELD, BROKEN, HELD), "not known: the twin holds even with none of them"),
        ((HELD, BROKEN, "invalid", HELD), "not known yet"),
        ((HELD, "not run yet", BROKEN, HELD), "not known yet"),
        ((HELD, BROKEN, BROKEN, Verdict.INCONCLUSIVE), "not known yet"),
    ],
)
def test_four_verdicts_say_what_a_defence_is_worth(verdicts: tuple[str, str, str, str], said: str) -> None:
    assert worth(*verdicts) == said


def test_the_page_tells_verdicts_numbers_commit_runtime_and_seed(tmp_path: Path) -> None:
    ablated(tmp_path, "20261126-1-ablation", judged())
    text = shown(tmp_path)
    assert "[deadline](defences.md#deadline) | broken | held | needed and enough |" in text
    assert "| all but deadline | broken | new was broken. |" in text
    assert "| deadline alone | held | new was held. |" in text
    assert "All runs were made at commit `0123456`." in text
    assert "Quick runs of the new twin, runtime local, seed 7, 2026-11-21, at commit `0123456`." in text


def test_half_a_campaign_shows_what_is_there_and_says_what_is_missing(tmp_path: Path) -> None:
    ablated(tmp_path, "20261126-1-ablation", judged(), judged(), judged(), stop)
    text = shown(tmp_path)
    assert "| broken | not run yet | not known yet |" in text
    assert "| all but deadline | broken | new was broken. |" in text
    assert "| deadline alone | not run yet |  |" in text


def test_runs_of_several_commits_say_which_is_whose(tmp_path: Path) -> None:
    ablated(tmp_path, "20261126-1-ablation", judged(), judged(), judged(commit="abcdef0+"))
    text = shown(tmp_path)
    assert "The runs were made at 2 commits; each section says which." in text
    assert (
        "at commit `0123456`: all, none; "
        "at commit `abcdef0` with uncommitted changes: all but deadline, deadline alone." in text
    )


def test_runs_of_another_version_of_the_lab_still_say_where_they_were_made(tmp_path: Path) -> None:
    folder = ablated(tmp_path, "20261126-1-ablation", judged())
    for cell in folder.campaign.cells:
        manifest = folder.run_folder(cell.name) / "manifest.json"
        told = json.loads(manifest.read_text())
        told["scenario"]["checks"] = [{"type": "check-of-tomorrow"}]
        manifest.write_text(json.dumps(told))
    assert "runtime local, seed 7, 2026-11-21, at commit `0123456`." in shown(tmp_path)


def test_an_invalid_run_is_shown_as_such_with_its_reason(tmp_path: Path) -> None:
    ablated(tmp_path, "20261126-1-ablation", judged(), judged(), judged(valid=False), judged())
    assert "| all but deadline | invalid | Because. |" in shown(tmp_path)


def test_a_scenario_that_was_never_measured_says_how(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert "Nothing has been measured yet." in text
    assert "Not measured. `bin/lab ablate s99-made-up` makes the 4 runs." in text


def test_a_defence_that_no_scenario_names_says_which_one_will(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert "| [saga](defences.md#saga) | S33: money. |" in text
    assert text.count("[deadline](defences.md#deadline)") == 1


def test_the_newest_ablation_counts_but_none_with_other_parameters_or_defences(tmp_path: Path) -> None:
    two = a_scenario(defences=("deadline", "bulkhead"))
    ablated(tmp_path, "20261126-1-ablation", judged(), scenario=two)
    ablated(tmp_path, "20261126-2-ablation", judged(), scenario=two)
    ablated(tmp_path, "20261126-3-ablation", judged(), scenario=S99)
    ablated(tmp_path, "20261126-4-ablation", judged(), scenario=two, settings=("load.rate_rps=9",))
    found = newest(two, tmp_path, ())
    assert found is not None
    assert found.campaign == "20261126-2-ablation"


def test_what_was_kept_stays_until_something_newer_is_there(tmp_path: Path) -> None:
    ablated(tmp_path / "old", "20261126-1-ablation", judged())
    kept = newest(S99, tmp_path / "old", ())
    assert kept is not None
    assert newest(S99, tmp_path / "gone", [kept]) == kept
    ablated(tmp_path / "new", "20261126-2-ablation", judged({}))
    found = newest(S99, tmp_path / "new", [kept])
    assert found is not None
    assert found.campaign == "20261126-2-ablation"


@pytest.fixture
def matrix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """`lab matrix` over runs in a folder of the test's: what it prints."""
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(assembly, "awaited", lambda: {"saga": "S33: money."})

    def command(*options: str) -> str:
        words = ["bin/lab", "matrix", "--out", str(tmp_path / "matrix.md"), *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        assert not leaving.value.code
        return capsys.readouterr().out

    return command


def test_the_command_writes_the_same_page_when_the_runs_are_gone(
    matrix: Callable[..., str], tmp_path: Path
) -> None:
    s14 = find("s14").scenario
    ablated(tmp_path / "runs", "20261126-1-ablation", judged(), scenario=s14)
    assert "s14" not in matrix().partition("Not fully measured")[2]
    first = (tmp_path / "matrix.md").read_text()
    assert "| all but one_transaction | held |" in first
    shutil.rmtree(tmp_path / "runs")
    matrix()
    assert (tmp_path / "matrix.md").read_text() == first


@pytest.mark.thorough
def test_measuring_makes_what_is_missing_or_invalid_and_only_that(
    matrix: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s14, made = find("s14").scenario, []
    ways = (judged(valid=False), judged())
    ablated(tmp_path / "runs", "20261126-1-ablation", *ways, scenario=s14)
    assert "s14-partial-write" in matrix()
    perform = judged_as(lambda _cell: HELD, made)
    monkeypatch.setattr(commands, "_perform", lambda _plan, _again, cell, place: perform(cell, place))
    out = matrix("--measure", "--runtime", "local")
    assert "Not fully measured" not in out
    names = [name for entry in entries().values() for name in entry.scenario.defences]
    assert [name.removeprefix("all,-") for name in made if name.startswith("all,-")] == [
        name for name in names if name not in s14.defences
    ]
    s14_and_all_others = len([entry for entry in entries().values() if entry.scenario.defences])
    assert made.count("all") == s14_and_all_others
    made.clear()
    matrix("--measure")
    assert made == []
