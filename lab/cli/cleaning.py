"""Removes what the lab keeps: its scratch files, and its runs where that is asked for."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from lab import paths
from lab.cli.console import say
from lab.cli.healed import parted
from lab.errors import Unhealed
from lab.record.campaigns import PLAN
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.lock import run_lock

MANIFEST = "manifest.json"
RUN_ID = re.compile(r"\d{8}-\d{6}-")  # as lab.cli.assembly.new_run makes them


def clean_up(*, runs: bool, images: bool) -> None:
    """Heal, stop what is running, then remove. A folder that is a link stays, without what belonged to the lab."""
    lines, failed = parted([*heal(paths.STATE), *take_down(paths.STATE)])
    if failed:  # without their ledger nobody would find these things again
        raise Unhealed("\n".join(failed))
    with run_lock(paths.STATE):
        if runs:
            lines.append(f"removed {remove_runs(paths.RUNS)} runs")
    if images:
        from lab.runtime.containers.images import remove_images  # rarely needed, and slow to import

        lines += remove_images()
    remove_within(paths.STATE)
    say("\n".join([*lines, "Clean."]))


def remove_runs(runs: Path) -> int:
    """Remove every run and campaign below `runs`, and nothing else that lies there; returns how many there were."""
    found = [path for path in runs.iterdir() if is_ours(path)] if runs.is_dir() else []
    for folder in found:
        shutil.rmtree(folder)
    latest = runs / "latest"
    if latest.is_symlink():
        latest.unlink()
    if runs.is_dir() and not runs.is_symlink() and not any(runs.iterdir()):
        runs.rmdir()
    return len(found)


def is_ours(folder: Path) -> bool:
    """A run or a campaign, whole or not."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return bool(RUN_ID.match(folder.name)) or any((folder / name).exists() for name in (MANIFEST, PLAN))


def remove_within(state: Path) -> None:
    """Remove everything in the lab's own folder, and the folder."""
    for path in state.iterdir() if state.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if state.is_dir() and not state.is_symlink():
        state.rmdir()
