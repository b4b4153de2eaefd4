"""The report's program is started ahead, and nothing that goes wrong there touches the run."""

from pathlib import Path

import pytest

from lab.cli import drawing
from lab.model import LabError, LoadEnded, PhaseStarted


@pytest.mark.parametrize("error", [LabError("python cannot be started."), OSError("no room")], ids=repr)
def test_a_program_that_cannot_be_started_ahead_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    asked: list[object] = []

    def fails(*words: str) -> None:
        asked.append(words)
        raise error

    monkeypatch.setattr(drawing, "_program", fails)
    drawer = drawing.Drawer()
    drawer.hear(PhaseStarted(phase="fault", at_s=8.0))
    assert asked == []
    drawer.hear(LoadEnded(at_s=24.0))
    assert asked == [("reports", "--ahead")]
    assert drawer.draw(tmp_path) is None  # with a message: there is no verdict here
