"""Lists the runs that are kept and the campaigns, one line each."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from lab import paths
from lab.cli.console import columns, console
from lab.model import LabError
from lab.record import RunRecord, Status, list_runs, read_verdict
from lab.record.campaigns import CampaignFolder, campaigns
from lab.runtime.ownership.ledger import holdings


def print_runs(*, as_json: bool) -> None:
    """All of them, newest first."""
    going_on = {run.run for run in holdings(paths.STATE) if run.owner_alive}
    single = [summary(folder, going_on) for folder in list_runs(paths.RUNS)]
    rows = sorted([*single, *map(_campaign, campaigns(paths.RUNS))], key=attrgetter("run"), reverse=True)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if not rows:
        console.print("No runs yet. Make one: bin/lab run s01-db-latency --quick")
        return
    table = columns(("run", "runtime", "status", "twins"), whole="run")
    for row in rows:
        twins = ", ".join(f"{twin} {verdict}" for twin, verdict in row.twins.items())
        table.add_row(row.run, row.runtime, row.status, twins)
    console.print(table)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run in a line: what it was and how each twin came out. Or one campaign: how many of its runs are done."""

    run: str
    runtime: str = ""
    status: str
    twins: Mapping[str, str] = field(default_factory=dict)


def summary(folder: Path, going_on: Container[str]) -> Row:
    """The line of the run in `folder`. One whose process is gone was killed; one that cannot be read says so."""
    try:
        return _summary(folder, going_on)
    except LabError as error:
        return Row(run=folder.name, status=f"unreadable: {error}")


def _campaign(found: CampaignFolder) -> Row:
    cells = found.campaign.cells
    done = sum(found.verdict(cell.name) is not None for cell in cells)
    of = f"{done} of {len(cells)} runs"
    return Row(run=found.folder.name, runtime=found.campaign.runtime, status=f"{found.campaign.kind}: {of}")


def _summary(folder: Path, going_on: Container[str]) -> Row:
    manifest = RunRecord(folder).manifest
    row = Row(run=folder.name, runtime=manifest.runtime, status=str(manifest.status))
    if manifest.status is Status.RUNNING and folder.name not in going_on:
        row = replace(row, status="killed")
    if not (folder / "verdict.json").exists():
        return row
    verdict = read_verdict(folder)
    status = "as expected" if verdict.as_expected else "not as expected" if verdict.valid else "invalid"
    twins = {twin.twin: str(twin.verdict) for twin in verdict.twins if verdict.valid}
    return replace(row, status=status, twins=twins)
