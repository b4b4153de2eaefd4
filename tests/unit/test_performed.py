"""A run that is made for real, but for its walk: its stack goes down while it is judged, however that ends."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from lab.cli import assembly, running
from lab.errors import notes_of
from lab.model import LabError
from lab.plan.runs import RunPlan
from lab.record import FolderJournal
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import PHASES, a_scenario
from tests.standing import a_stack


class Walked:
    """A runner that has nothing more to do."""

    def __init__(
        self, _plan: object, _testbed: object, _writer: object, journal: FolderJournal, *_: object
    ) -> None:
        journal.close()

    def run(self) -> None:
        pass


class Standing:
    """A testbed whose stack is up, and can be taken down or not."""

    runtime = "fake"

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    def down(self) -> None:
        if self._failure:
            raise self._failure


def perform(monkeypatch: pytest.MonkeyPatch, folder: Path, testbed: Standing) -> Any:
    stack = a_stack("r", sizes=BOOKING.sizes)
    plan = RunPlan(stack=stack, scenario=a_scenario(), workload=BOOKING, phases=PHASES, seed=1)
    monkeypatch.setattr(running, "Runner", Walked)
    monkeypatch.setattr(assembly, "testbed", lambda *_: testbed)
    return running.performed(plan, "fake", folder)


def is_open(folder: Path) -> bool:
    return bool(stat.S_IMODE(folder.stat().st_mode) & 0o055)


@pytest.mark.parametrize("broken_off", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_folder_is_opened_up_when_its_stack_is_down_also_if_judging_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_off: BaseException
) -> None:
    folder = tmp_path / "r"
    with pytest.raises(type(broken_off)), perform(monkeypatch, folder, Standing()):
        raise broken_off
    assert is_open(folder)


def test_what_broke_off_the_judging_is_not_hidden_by_what_is_left_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = Standing(LabError("Container x is left."))
    with (
        pytest.raises(OSError, match="No space left") as told,
        perform(monkeypatch, tmp_path / "r", standing),
    ):
        raise OSError(28, "No space left on device")
    assert notes_of(told.value) == ["Container x is left."]
    assert not is_open(tmp_path / "r")


def test_a_folder_stays_closed_whose_stack_could_not_be_taken_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r"
    standing = Standing(LabError("The engine does not answer."))
    with pytest.raises(LabError, match="does not answer"), perform(monkeypatch, folder, standing):
        pass
    assert not is_open(folder)
