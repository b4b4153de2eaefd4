"""Campaigns: which runs they consist of, what their tables say, and that a killed one goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.campaign import walk
from lab.cli import campaigns as making
from lab.cli import matrix
from lab.judge.campaigns import result, table
from lab.model import LabError, RunVerdict, Verdict
from lab.model.campaigns import Campaign, Cell
from lab.plan.campaigns import ablation, alternation, sweep
from lab.record.campaigns import CampaignFolder, markdown, unfinished
from tests.fabricated.campaigns import judged_as, verdict

HOW = {"quick": True, "runtime": "local", "seed": 7}


def test_an_ablation_leaves_each_defence_out_and_adds_each_alone() -> None:
    plan = ablation("s99", ["deadline", "bulkhead"], ["load.rate_rps=9"], **HOW)
    names = ["all", "none", "all,-deadline", "none,+deadline", "all,-bulkhead", "none,+bulkhead"]
    assert [cell.name for cell in plan.cells] == [cell.defences for cell in plan.cells] == names
    assert {cell.settings for cell in plan.cells} == {("load.rate_rps=9",)}


def test_an_ablation_over_nothing_is_refused() -> None:
    with pytest.raises(LabError, match="--over"):
        ablation("s99", [], [], **HOW)


def test_a_sweep_changes_one_parameter_on_top_of_the_settings() -> None:
    plan = sweep("s99", "fault.latency_ms=50, 100,100", ["load.rate_rps=9"], "all", **HOW)
    assert [cell.settings for cell in plan.cells] == [
        ("load.rate_rps=9", "fault.latency_ms=50"),
        ("load.rate_rps=9", "fault.latency_ms=100"),
    ]


@pytest.mark.parametrize("text", ["", "fault.latency_ms", "fault.latency_ms=", "=1,2", "fault.latency_ms=50"])
def test_a_sweep_without_values_to_compare_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="names fewer than two values"):
        sweep("s99", text, [], "all", **HOW)


def test_twins_in_turn_run_alone_and_in_an_order_that_favours_neither() -> None:
    plan = alternation("s99", ["naive", "hardened"], ["load.rate_rps=9"], "all", **HOW)
    assert [cell.twins for cell in plan.cells] == [("naive",), ("hardened",), ("hardened",), ("naive",)]
    assert len({cell.name for cell in plan.cells}) == 4
    assert {cell.settings for cell in plan.cells} == {("load.rate_rps=9",)}


@pytest.mark.parametrize("twins", [["naive"], ["naive", "hardened", "hardened"]])
def test_only_two_twins_can_take_turns(twins: list[str]) -> None:
    with pytest.raises(LabError, match=f"two twins in turn, not {len(twins)}"):
        alternation("s99", twins, [], "all", **HOW)


def test_the_table_of_twins_in_turn_has_a_line_for_each_run(tmp_path: Path) -> None:
    plan = alternation("s99", ["old", "new"], [], "all", **HOW)
    campaign = CampaignFolder.create(tmp_path / "c", plan)
    found = walk(campaign, judged_as(lambda _cell: Verdict.HELD, []), lambda _text: None)
    assert {row[0] for row in found.rows} == {"1-old", "2-new", "3-new", "4-old"}


def test_the_table_of_an_ablation_tells_what_each_defence_does_alone_and_missing(tmp_path: Path) -> None:
    campaign = CampaignFolder.create(tmp_path / "c", ablation("s99", ["deadline"], [], **HOW))
    broken = {"none", "all,-deadline"}
    perform = judged_as(lambda cell: Verdict.BROKEN if cell.name in broken else Verdict.HELD, [])
    found = walk(campaign, perform, lambda _text: None)
    assert found.headings == ("defence", "new without it", "new with nothing else")
    assert found.rows == (
        ("all", "held: new was held.", ""),
        ("none", "broken: new was broken.", ""),
        ("deadline", "broken: new was broken.", "held: new was held."),
    )
    assert (tmp_path / "c" / "table.md").read_text() == markdown(found)


def test_the_table_of_a_sweep_has_a_line_for_each_twin_and_value(tmp_path: Path) -> None:
    plan = sweep("s99", "fault.latency_ms=50,100", [], "all", **HOW)
    campaign = CampaignFolder.create(tmp_path / "c", plan)
    found = walk(campaign, judged_as(lambda _cell: Verdict.HELD, []), lambda _text: None)
    assert [row[:2] for row in found.rows] == [
        (f"fault.latency_ms={value}", twin) for value in (50, 100) for twin in ("old", "new")
    ]
    assert found.rows[0][2:] == ("broken", "90", "95", "1", "2", "0", "2", "100", "12", "no right answer")


def test_an_invalid_run_judges_nobody_in_the_table() -> None:
    plan = sweep("s99", "fault.latency_ms=50,100", [], "all", **HOW)
    row = table(plan, [result("fault.latency_ms=50", verdict(Verdict.HELD, valid=False))], "new").rows[0]
    assert row[2:4] == ("invalid", "Because.")


def test_a_killed_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    plan = sweep("s99", "fault.latency_ms=50,100,200", [], "all", **HOW)
    made: list[str] = []

    def killed(cell: Cell, place: Callable[[], Path]) -> RunVerdict:
        if len(made) == 1:
            place().mkdir()
            raise KeyboardInterrupt
        return judged_as(lambda _cell: Verdict.HELD, made)(cell, place)

    with pytest.raises(KeyboardInterrupt):
        walk(CampaignFolder.create(tmp_path / "c", plan), killed, lambda _text: None)
    again = sweep("s99", "fault.latency_ms=50,100,200", [], "all", **{**HOW, "seed": 8})
    found = unfinished(tmp_path, again)
    assert found is not None
    assert found.campaign.seed == 7, "the runs of one campaign share a seed"
    walk(found, judged_as(lambda _cell: Verdict.HELD, made), lambda _text: None)
    assert made == [cell.name for cell in plan.cells]
    assert unfinished(tmp_path, again) is None


def test_another_campaign_is_not_gone_on_with(tmp_path: Path) -> None:
    CampaignFolder.create(tmp_path / "c", sweep("s99", "fault.latency_ms=50,100", [], "all", **HOW))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "campaign.json").write_text("{")
    other: Campaign = sweep("s99", "fault.latency_ms=50,200", [], "all", **HOW)
    assert unfinished(tmp_path, other) is None


def test_an_invalid_run_is_made_again_and_no_other(tmp_path: Path) -> None:
    plan = ablation("s99", ["deadline"], [], **HOW)
    made: list[str] = []

    def spoiled(cell: Cell, place: Callable[[], Path]) -> RunVerdict:
        perform = judged_as(lambda _cell: Verdict.HELD, made, valid=cell.name != "none")
        return perform(cell, place)

    walk(CampaignFolder.create(tmp_path / "c", plan), spoiled, lambda _text: None)
    found = unfinished(tmp_path, plan)
    assert found is not None
    made.clear()
    walk(found, judged_as(lambda _cell: Verdict.HELD, made), lambda _text: None)
    assert made == ["none"]
    assert unfinished(tmp_path, plan) is None


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CampaignFolder:
    """An unfinished ablation of S01 with the seed 7."""
    monkeypatch.setattr("lab.paths.RUNS", tmp_path)
    plan = ablation("s01-db-latency", ["deadline"], [], **HOW)
    return CampaignFolder.create(tmp_path / "20261121-080000-ablation-s01", plan)


def asked(seed: int) -> Campaign:
    return ablation("s01-db-latency", ["deadline"], [], quick=True, runtime="local", seed=seed)


def test_a_campaign_is_continued_with_the_seed_that_was_asked_for_or_not_at_all(left: CampaignFolder) -> None:
    for seed in (None, 7):
        found = making.to_continue(asked(99), seed=seed, new=False)
        assert found
        assert found.folder == left.folder
    with pytest.raises(LabError) as refused:
        making.walk(asked(8), seed=8, new=False)
    assert str(refused.value) == (
        f"{left.folder.name} is unfinished and has the seed 7, not 8. To continue it, leave out --seed. "
        "To start a new one: --new"
    )
    assert making.to_continue(asked(8), seed=8, new=True) is None


def test_without_an_option_for_a_new_campaign_the_old_one_is_to_be_removed(left: CampaignFolder) -> None:
    with pytest.raises(LabError, match=f"To start a new one: rm -r {left.folder}$"):
        making.walk(asked(8), seed=8)


def test_the_matrix_refuses_another_seed_before_its_first_run(
    left: CampaignFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios = [making.catalogue.find(name).scenario for name in ("s02", "s01")]
    named = [replace(scenario, defences=("deadline",)) for scenario in scenarios]
    made: list[Campaign] = []
    monkeypatch.setattr(matrix, "lacking", lambda _target: named)
    monkeypatch.setattr(matrix, "walk", lambda plan, **_: made.append(plan))
    with pytest.raises(LabError, match="has the seed 7, not 8"):
        matrix.measure_and_write(tmp_path / "m.md", measure=True, full=False, runtime="local", seed=8)
    assert made == []
