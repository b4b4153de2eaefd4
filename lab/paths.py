"""Where things are in this clone: the only place that counts parent folders."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "runs"
STATE = ROOT / ".lab"


def workshop() -> Path:
    """The copy of the sources that a self-check tries its cases in, with runs and a state of its own."""
    return STATE / "selfcheck"


def states() -> list[Path]:
    """The state of this clone, and that of the copy if there is one: a killed self-check leaves its run there."""
    inner = workshop() / STATE.name
    return [STATE, inner] if inner.is_dir() else [STATE]
