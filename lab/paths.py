"""Where things lie in this clone: the one place that counts parent folders."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "runs"
STATE = ROOT / ".lab"
