"""Walks a campaign: one run after the other, with the table rewritten after each. Finished runs are not repeated.

It also finds, for each scenario, the ablation that the matrix shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from lab.judge.campaigns import result, table, told, treatment
from lab.model import RunVerdict, Scenario
from lab.model.campaigns import Ablated, CampaignKind, Cell, CellResult, Table, Told, ablation_choices
from lab.record.campaigns import CampaignFolder
from lab.record.campaigns import campaigns as campaigns_below

Place = Callable[[], Path]  # each call returns a free folder for a run
Perform = Callable[[Cell, Place], RunVerdict]


def walk(campaign: CampaignFolder, perform: Perform, say: Callable[[str], None]) -> Table:
    """The table of all cells. `perform` makes the run of a cell in its folder, and judges it."""
    cells = campaign.campaign.cells
    results: list[CellResult] = []
    found = Table(headings=(), rows=())
    for number, cell in enumerate(cells, 1):
        verdict = campaign.verdict(cell.name)
        if verdict is None or not verdict.valid:
            say(f"run {number} of {len(cells)}: {cell.name}")
            verdict = perform(cell, partial(campaign.clear, cell.name))
        results.append(result(cell.name, verdict))
        found = table(campaign.campaign, results, treatment(verdict))
        campaign.write(results, found)
    return found


def newest(scenario: Scenario, runs: Path, kept: Iterable[Ablated]) -> Ablated | None:
    """The newest ablation of the unchanged `scenario` (no --set) that covers most of the defences it names.

    Looks below `runs`, and among the `kept` ones, whose runs may be gone.
    """
    here = [_ablated(found) for found in campaigns_below(runs) if _is_of(found, scenario)]
    found = [*(each for each in kept if each.scenario == scenario.name), *here]
    asked = set(ablation_choices(scenario.defences))

    def worth(each: Ablated) -> tuple[int, str]:
        return len(asked.intersection(each.asked)), each.campaign

    return max(reversed(found), key=worth, default=None)  # of two equal ones, prefer the one that is here


def _is_of(found: CampaignFolder, scenario: Scenario) -> bool:
    campaign = found.campaign
    as_it_stands = not any(cell.settings for cell in campaign.cells)
    return campaign.kind is CampaignKind.ABLATION and campaign.scenario == scenario.name and as_it_stands


def _ablated(found: CampaignFolder) -> Ablated:
    """What the campaign has found so far, finished or not."""
    campaign, runs = found.campaign, []
    twin = ""
    for cell in campaign.cells:
        verdict = found.verdict(cell.name)
        if verdict is not None:
            twin = treatment(verdict)
            runs.append(_told(found, cell, verdict))
    return Ablated(
        campaign=found.folder.name,
        scenario=campaign.scenario,
        twin=twin,
        quick=campaign.quick,
        seed=campaign.seed,
        asked=tuple(cell.name for cell in campaign.cells),
        told=tuple(runs),
    )


def _told(found: CampaignFolder, cell: Cell, verdict: RunVerdict) -> Told:
    judged, why = told(result(cell.name, verdict), treatment(verdict))
    at = found.origin(cell.name)
    return Told(
        defences=cell.defences, verdict=judged, sentence=why, commit=at.commit, runtime=at.runtime, day=at.day
    )
