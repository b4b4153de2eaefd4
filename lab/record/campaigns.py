"""The folder of a campaign: campaign.json, one ordinary run folder for each cell, table.md and table.json.

The runs themselves show what is finished, so a campaign that was killed can be continued. Invalid runs are repeated.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.model import LabError, RunVerdict
from lab.model.campaigns import Campaign, CellResult, Table
from lab.record.files import read_value, write_text, write_value
from lab.record.manifest import Origin, read_origin
from lab.record.verdicts import read_verdict

PLAN, TABLE, RESULTS = "campaign.json", "table.md", "table.json"


@dataclass(frozen=True, kw_only=True)
class CampaignFolder:
    """One campaign on disk."""

    folder: Path
    campaign: Campaign

    @classmethod
    def create(cls, folder: Path, campaign: Campaign) -> CampaignFolder:
        """A new one. Raises LabError if it cannot be made."""
        try:
            folder.mkdir(parents=True)
        except OSError as exc:
            raise LabError(f"Cannot write {folder}: {exc.strerror}. Make {folder.parent} writable.") from exc
        write_value(folder / PLAN, campaign)
        return cls(folder=folder, campaign=campaign)

    def run_folder(self, cell: str) -> Path:
        """The folder of the run of `cell`: its number and its name."""
        number = [each.name for each in self.campaign.cells].index(cell)
        return self.folder / f"{number:02d}-{cell.replace('/', '-')}"

    def verdict(self, cell: str) -> RunVerdict | None:
        """The verdict of the run of `cell`; None if it has not ended."""
        try:
            return read_verdict(self.run_folder(cell))
        except LabError:
            return None

    def origin(self, cell: str) -> Origin:
        """The origin of the run of `cell`."""
        return read_origin(self.run_folder(cell))

    def clear(self, cell: str) -> Path:
        """The folder of `cell`, emptied of what a killed run left."""
        folder = self.run_folder(cell)
        if folder.exists():
            shutil.rmtree(folder)
        return folder

    @property
    def finished(self) -> bool:
        verdicts = [self.verdict(cell.name) for cell in self.campaign.cells]
        return all(verdict is not None and verdict.valid for verdict in verdicts)

    def write(self, results: Sequence[CellResult], table: Table) -> None:
        """The results so far, for machines and for people."""
        write_value(self.folder / RESULTS, list(results))
        write_text(self.folder / TABLE, markdown(table))


def campaigns(runs: Path) -> Iterator[CampaignFolder]:
    """Every campaign below `runs`, newest first. Damaged ones are skipped."""
    for path in sorted(runs.glob(f"*/{PLAN}"), reverse=True):
        try:
            yield CampaignFolder(folder=path.parent, campaign=read_value(path, Campaign))
        except LabError:
            continue


def is_campaign(folder: Path) -> bool:
    """Whether `folder` has the plan of a campaign. Other programs may have a campaign.json, too."""
    try:
        read_value(folder / PLAN, Campaign)
    except LabError:
        return False
    return True


def unfinished(runs: Path, campaign: Campaign) -> CampaignFolder | None:
    """The newest unfinished campaign below `runs` that asks for the same runs."""
    alike = (found for found in campaigns(runs) if found.campaign.same_as(campaign))
    return next((found for found in alike if not found.finished), None)


def markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    return "".join([line(table.headings), line(["---"] * len(table.headings)), *map(line, table.rows)])
