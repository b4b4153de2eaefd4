"""Ledgers that no lab has written: of a run whose lab is dead, naming whatever the forger likes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.runtime.ownership.identity import place


def forged_ledger(state_dir: Path, run: str, *records: Mapping[str, Any], genuine: bool = True) -> Path:
    """A ledger below `state_dir` with `records`; `genuine` as if the lab had written it there."""
    path = state_dir / "owned" / f"{run}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    inode = path.stat().st_ino if genuine else 1
    owner = {
        "record": "owner",
        "run": run,
        "pid": 1,
        "started": "before/1",
        "at": 0.0,
        "inode": inode,
        "place": place(),
    }
    path.write_text("".join(json.dumps(record) + "\n" for record in (owner, *records)))
    return path
