"""A process may end while it is being healed, and a ledger may go: the rest of the run must end all the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.model import Undo
from lab.runtime.ownership import belonging, guardian, trees, undoing
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import FOLDER, Ledger, read
from lab.runtime.ownership.relief import Failure, resume, undo_resume
from tests.forged import forged_ledger

RUN = f"20261126-041800-s99-made-up-{os.getpid()}"  # another in each process that runs these tests
PID = 42


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paused process of the run, as far as can be seen."""

    class Process:
        pid = PID

    monkeypatch.setattr(belonging, "processes", lambda _run: [Process()])
    monkeypatch.setattr(trees, "tree", lambda root: [root])
    monkeypatch.setattr(trees, "stopped", lambda _pid: True)


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_a_paused_process_that_has_ended_need_not_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def gone(pid: int, _number: int) -> None:
        assert pid == PID
        raise error

    monkeypatch.setattr(os, "kill", gone)
    assert list(undo_resume({"descriptors": 0}, read(forged_ledger(tmp_path, RUN)))) == []


@pytest.mark.parametrize("error", [ProcessLookupError("gone"), psutil.NoSuchProcess(PID)])
def test_an_undo_that_fails_is_told_and_the_rest_is_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> Iterator[str]:
        raise error
        yield

    undo: Undo = resume(16)
    monkeypatch.setattr(undoing, "UNDOERS", {undo.how: fails})
    folder = tmp_path / "scratch"
    belonging.make_folder(folder, RUN)
    undone = {"record": "undo", "how": undo.how, "details": dict(undo.details)}
    owned = {"record": "own", "kind": FOLDER, "key": str(folder), "details": {}}
    forged_ledger(tmp_path / "state", RUN, undone, owned)

    failure, removed = heal(tmp_path / "state")
    assert isinstance(failure, Failure)
    assert failure.startswith("could not undo a fault (resume processes): ")
    assert removed == f"removed {folder}"


def test_a_ledger_that_goes_while_the_guardian_reads_it_has_nothing_left_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path, RUN)

    def gone(path: Path) -> None:
        path.unlink()
        raise FileNotFoundError(path)

    monkeypatch.setattr(guardian, "read", gone)
    guardian._await_death(ledger.path)
    assert not ledger.path.exists()
