"""The live panel: what it says of a run that goes on, from the records that are there at this instant."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lab.cli.progress import due, ended, recent
from lab.model import Outcome
from lab.record import REQUEST
from tests.fabricated.folder import write_requests

NOW = 100.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ten requests a second, each answered in 50 ms, until the service fell silent five seconds ago."""
    records = np.zeros(100, dtype=REQUEST)
    records["end"] = NOW - 5 - np.arange(100)[::-1] / 10
    records["intended"] = records["end"] - 0.05
    records["outcome"] = Outcome.OK
    write_requests(path := tmp_path / "requests.bin", "naive", records)
    return path


def test_the_window_ends_now_and_not_with_the_last_answer(path: Path) -> None:
    assert recent(path, 500, NOW - 5) == (pytest.approx(10), pytest.approx(50))
    good, p95_ms = recent(path, 500, NOW)
    assert good == 0
    assert math.isnan(p95_ms)


def test_who_waits_is_who_was_due_and_has_no_end_yet(path: Path, tmp_path: Path) -> None:
    schedule = tmp_path / "schedule.jsonl"
    schedule.write_text("".join(f'{{"at_s":{at_s}}}\n' for at_s in (0.5, 3.0, 1.0)))
    assert list(due(schedule)) == [0.5, 1.0, 3.0]
    assert ended(path) == 100


def test_before_anything_is_written_nothing_is_told(tmp_path: Path) -> None:
    assert recent(tmp_path / "none", 500, NOW)[0] == 0
    assert ended(tmp_path / "none") == due(tmp_path / "none").size == 0


def test_a_wrong_answer_is_not_a_good_one(path: Path) -> None:
    records = np.fromfile(path, dtype=REQUEST)
    records["flags"] = 2
    records.tofile(path)
    assert recent(path, 500, NOW - 5)[0] == 0
