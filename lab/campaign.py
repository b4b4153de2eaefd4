"""Walks a campaign: one run after the other, the table written anew after each. What is done is not done again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab.judge.campaigns import result, table, treatment
from lab.model import Cell, CellResult, RunVerdict, Table
from lab.record.campaigns import CampaignFolder

Place = Callable[[], Path]  # a folder that is free for a run, each time it is asked for
Perform = Callable[[Cell, Place], RunVerdict]


def walk(campaign: CampaignFolder, perform: Perform, say: Callable[[str], None]) -> Table:
    """The table of all cells. `perform` makes the run of a cell in its place, and judges it there."""
    cells = campaign.campaign.cells
    results: list[CellResult] = []
    found = Table(headings=(), rows=())
    for number, cell in enumerate(cells, 1):
        verdict = campaign.verdict(cell.name)
        if verdict is None:
            say(f"run {number} of {len(cells)}: {cell.name}")
            verdict = perform(cell, partial(campaign.clear, cell.name))
        results.append(result(cell.name, verdict))
        found = table(campaign.campaign, results, treatment(verdict))
        campaign.write(results, found)
    return found
