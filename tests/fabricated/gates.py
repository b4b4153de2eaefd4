"""The gates of fabricated runs, as the judge tells them."""

from __future__ import annotations

from lab.judge.evidence import RunEvidence
from lab.judge.verdict import judge
from lab.model import Gate


def look(run: RunEvidence) -> tuple[Gate, ...]:
    """Every gate of a run: first those that failed, then those that passed."""
    return judge(run).gates
