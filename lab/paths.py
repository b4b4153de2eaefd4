"""Where things are in this clone: the only place that counts parent folders."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "runs"
STATE = ROOT / ".lab"
