"""What a forger does to the folder of a run that has ended, with or without making its checksums fit again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from lab.record import sums
from lab.record.requests import REQUEST

Forge = Callable[[Path, str], None]
SHIFT_S = 0.5
AFTERWARDS = "afterwards"  # the phase of a sabotage that comes when the run has ended
INSTANTS = ("intended", "started", "sent", "end")


def clock_shifted(folder: Path, twin: str) -> None:
    """Every request of `twin` happened half a second later than it did."""
    path = folder / twin / "requests.bin"
    requests = np.fromfile(path, dtype=REQUEST)
    for name in INSTANTS:
        requests[name] += SHIFT_S
    path.write_bytes(requests.tobytes())


def files_exchanged(folder: Path, _twin: str) -> None:
    """The first two twins have each other's requests."""
    first, second = sorted(folder.glob("*/requests.bin"))[:2]
    mine, theirs = first.read_bytes(), second.read_bytes()
    first.write_bytes(theirs)
    second.write_bytes(mine)


def history_cut(folder: Path, twin: str) -> None:
    """The last tenth of what was asked and answered is gone."""
    path = folder / twin / "history.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) * 9 // 10]))


def sealed(forge: Forge) -> Forge:
    """The same, with checksums that fit."""

    def forged(folder: Path, twin: str) -> None:
        forge(folder, twin)
        sums.seal(folder)

    return forged


FORGERIES: Mapping[str, Forge] = {
    **{forge.__name__: forge for forge in (clock_shifted, files_exchanged, history_cut)},
    **{
        f"{forge.__name__}_and_sealed": sealed(forge)
        for forge in (clock_shifted, files_exchanged, history_cut)
    },
}
