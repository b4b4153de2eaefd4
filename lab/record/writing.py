"""Writes a run folder while the run goes on."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lab.model import Arrival, LabError, MachineSample, Sample
from lab.record import sums
from lab.record.codec import CONVERTER
from lab.record.files import appending, write_text, write_value
from lab.record.manifest import Manifest

MACHINE = "machine.jsonl"


class RunWriter:
    """Writes a run folder. Files are replaced as a whole, so a kill never leaves half of one."""

    def __init__(self, folder: Path, umask: int = 0) -> None:
        """Make the folder, for us alone: while the run stands, its secrets are in it. Raises LabError if that fails.

        `umask`: what the user's own keeps from others for good, beyond the lab's.
        """
        self.folder = folder
        try:
            folder.mkdir(parents=True)
            self._usual = stat.S_IMODE(folder.stat().st_mode) & ~umask
            folder.chmod(0o700)
        except OSError as exc:
            raise LabError(f"Cannot write {folder}: {exc.strerror}. Make {folder.parent} writable.") from exc

    def twin_folder(self, twin: str) -> Path:
        """The twin's part of the folder, with a place for logs."""
        folder = self.folder / twin
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        return folder

    def manifest(self, manifest: Manifest) -> None:
        write_value(self.folder / "manifest.json", manifest)

    def t0(self, t0: float) -> None:
        write_text(self.folder / "t0.json", json.dumps({"t0": t0}) + "\n")

    def end(self, end: float) -> None:
        """The load has ended and every fault is healed, so what is left can be read."""
        write_text(self.folder / "end.json", json.dumps({"end": end}) + "\n")

    def schedule(self, arrivals: Iterable[Arrival]) -> int:
        """Write every arrival as it comes; returns how many there are."""
        planned = 0
        with appending(self.folder / "schedule.jsonl") as file:
            for arrival in arrivals:
                line = {name: value for name, value in vars(arrival).items() if value is not None}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
                planned += 1
        return planned

    def parts(self, twin: str, samples: Iterable[Sample]) -> None:
        """Append the samples of the twin's parts."""
        with appending(self.twin_folder(twin) / "parts.jsonl") as file:
            for sample in samples:
                told = CONVERTER.unstructure(sample, unstructure_as=Sample)
                file.write(json.dumps({"twin": twin, **told}) + "\n")

    def machine(self, sample: MachineSample) -> None:
        """Append a sample of the whole machine."""
        with appending(self.folder / MACHINE) as file:
            file.write(json.dumps(CONVERTER.unstructure(sample)) + "\n")

    def seal(self) -> None:
        """Seal the folder: all evidence is there, it can be judged, and every change will be noticed."""
        sums.seal(self.folder)

    def open_up(self) -> None:
        """Open the folder to others as far as both umasks let them in: nothing is running any more."""
        self.folder.chmod(self._usual)

    def link_latest(self) -> None:
        """Point `latest`, next to the folder, to it. Where no links can be made, nothing is the latest any more."""
        latest = self.folder.parent / "latest"
        fresh = self.folder.parent / f".latest-{os.getpid()}"
        try:
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.folder.name)
            fresh.replace(latest)
        except OSError:  # no reason to lose a run
            if latest.is_symlink():
                with suppress(OSError):
                    latest.unlink()
