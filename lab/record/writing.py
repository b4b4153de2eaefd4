"""Writes a run folder while the run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab.model import Arrival, LabError
from lab.record.files import write_json


class RunWriter:
    """Writes a run folder. Whole files are replaced at once, so that a kill never leaves half of one."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises LabError when that cannot be."""
        self.folder = folder
        try:
            folder.mkdir(parents=True)
            (folder / "events.jsonl").touch()
        except OSError as exc:
            raise LabError(f"Cannot write {folder}: {exc.strerror}. Make {folder.parent} writable.") from exc

    def twin_folder(self, twin: str) -> Path:
        """The twin's part of the folder, with a place for logs."""
        folder = self.folder / twin
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        return folder

    def manifest(self, manifest: Mapping[str, Any]) -> None:
        write_json(self.folder / "manifest.json", manifest)

    def t0(self, t0: float) -> None:
        write_json(self.folder / "t0.json", {"t0": t0})

    def schedule(self, arrivals: Iterable[Arrival]) -> int:
        """Write down every arrival as it comes; returns how many there are."""
        planned = 0
        with (self.folder / "schedule.jsonl").open("w") as file:
            for arrival in arrivals:
                line = {name: value for name, value in vars(arrival).items() if value is not None}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
                planned += 1
        return planned

    def event(self, **event: Any) -> None:
        """Append one event; it is in the file when this returns."""
        with (self.folder / "events.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")

    def link_latest(self) -> None:
        """Let `latest` beside the folder name it."""
        latest = self.folder.parent / "latest"
        fresh = self.folder.parent / f".latest-{os.getpid()}"
        fresh.symlink_to(self.folder.name)
        fresh.replace(latest)
