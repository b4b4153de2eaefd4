"""What a forger does to the folder of a run that has ended, with or without renewing its checksums."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab.record import sums
from lab.record.requests import REQUEST

Forge = Callable[[Path, str], None]
SHIFT_S, STEP_S = 0.5, 0.03
REQUESTS_CUT = 5
CUT_S, LEFT_S = (4.0, 7.0), 0.1
AFTERWARDS = "afterwards"  # the phase of a sabotage that comes when the run has ended
INSTANTS = ("intended", "started", "sent", "end")


def clock_shifted(folder: Path, twin: str) -> None:
    """Every request of `twin` happened half a second later than it did."""
    path = folder / twin / "requests.bin"
    requests = np.fromfile(path, dtype=REQUEST)
    for name in INSTANTS:
        requests[name][1:] += SHIFT_S  # the first one names the twin
    path.write_bytes(requests.tobytes())


def requests_cut(folder: Path, twin: str) -> None:
    """The last requests of `twin` are gone."""
    path = folder / twin / "requests.bin"
    path.write_bytes(path.read_bytes()[: -REQUESTS_CUT * REQUEST.itemsize])


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


def switch_forgotten(folder: Path, twin: str) -> None:
    """The last change of a fault was not made in `twin`."""
    events = _read(folder / "events.jsonl")
    mine = [event for event in events if event["type"] == "Switched" and event["twin"] == twin]
    events.remove(mine[-1])
    _write(folder / "events.jsonl", events)


def told_later(folder: Path, twin: str) -> None:
    """`twin` got each change of a fault 30 ms later than it did."""
    events = _read(folder / "events.jsonl")
    for event in events:
        if event["type"] == "Switched" and event["twin"] == twin:
            event["before_s"] += STEP_S
            event["after_s"] += STEP_S
    _write(folder / "events.jsonl", events)


def killed_for_memory(folder: Path, _twin: str) -> None:
    """The kernel had killed a process by the end."""
    samples = _read(folder / "machine.jsonl")
    samples[-1]["oom_kills"] += 1
    _write(folder / "machine.jsonl", samples)


def machine_record_cut(folder: Path, _twin: str) -> None:
    """Nobody knows what the machine did for three seconds of the run."""
    samples = _read(folder / "machine.jsonl")
    _write(folder / "machine.jsonl", [one for one in samples if not CUT_S[0] < one["at_s"] < CUT_S[1]])


def phases_moved(folder: Path, _twin: str) -> None:
    """The fault phase is said to have been where nothing was wrong, in a run of the same length."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    phases = manifest["phases"]
    healthy_s = phases["recovery_s"] - LEFT_S
    phases |= {"recovery_s": LEFT_S, "baseline_s": phases["baseline_s"] + healthy_s}
    path.write_text(json.dumps(manifest, indent=1))


def generator_held_back(folder: Path, twin: str) -> None:
    """The load generator of `twin` had too much under way to send one of its requests."""
    path = folder / twin / "load.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cap_hits": 1}))


def reading_failed(folder: Path, twin: str) -> None:
    """One reading of the proxies of `twin` was not answered."""
    events = _read(folder / "events.jsonl")
    mine = [event for event in events if event["type"] == "ProxiesRead" and event["twin"] == twin]
    mine[len(mine) // 2] |= {"asked": {}, "echo": {}, "error": "Toxiproxy did not answer within 5 s."}
    _write(folder / "events.jsonl", events)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def sealed(forge: Forge) -> Forge:
    """The same, with checksums that fit."""

    def forged(folder: Path, twin: str) -> None:
        forge(folder, twin)
        sums.seal(folder)

    return forged


PLAIN = (clock_shifted, files_exchanged, history_cut)
SEALED = (
    *PLAIN,
    requests_cut,
    switch_forgotten,
    told_later,
    killed_for_memory,
    machine_record_cut,
    phases_moved,
    generator_held_back,
    reading_failed,
)
FORGERIES: Mapping[str, Forge] = {
    **{forge.__name__: forge for forge in PLAIN},
    **{f"{forge.__name__}_and_sealed": sealed(forge) for forge in SEALED},
}
