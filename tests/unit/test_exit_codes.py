"""The exit code of a run: 0 as expected, 1 known to be otherwise, 3 if nobody can tell. A spoiled run has a verdict."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.cli import running
from lab.cli.drawing import Drawer
from lab.model import CheckResult, LabError, RunVerdict, Spoiled, TwinVerdict, Verdict
from lab.record import RunRecord, Status
from lab.runtime.ownership.lock import run_lock
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import make_verdict
from tests.standing import a_stack

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE


def told(naive: tuple[Verdict, ...], hardened: tuple[Verdict, ...], valid: bool = True) -> RunVerdict:
    """A verdict in which the checks of the twins said this; naive should break, hardened hold."""
    verdict = make_verdict("run")
    twins = tuple(_twin(twin, said) for twin, said in zip(verdict.twins, (naive, hardened), strict=True))
    expected = not any(twin.surprising for twin in twins) if valid else None
    return replace(verdict, valid=valid, twins=twins, as_expected=expected)


def _twin(twin: TwinVerdict, said: tuple[Verdict, ...]) -> TwinVerdict:
    check = CheckResult(check="is so", verdict=HELD, value=1, threshold=1, unit="", sentence="So it is.")
    checks = tuple(replace(check, verdict=verdict) for verdict in said)
    return replace(twin, verdict=Verdict.worst(said), checks=checks)


@pytest.mark.parametrize(
    ("naive", "hardened", "code"),
    [
        ((BROKEN, HELD), (HELD, HELD), 0),
        ((BROKEN, INCONCLUSIVE), (HELD, HELD), 0),
        ((HELD, HELD), (HELD, HELD), 1),
        ((BROKEN, HELD), (HELD, BROKEN), 1),
        ((BROKEN, HELD), (HELD, INCONCLUSIVE), 3),
        ((INCONCLUSIVE, HELD), (HELD, HELD), 3),
        ((INCONCLUSIVE, HELD), (BROKEN, HELD), 1),  # that the hardened twin broke is known
        ((INCONCLUSIVE, BROKEN), (HELD, HELD), 3),  # what this is about is not known, whatever else broke
        ((HELD, BROKEN), (HELD, HELD), 1),  # naive broke, but not by what this is about
        ((HELD, HELD), (HELD, INCONCLUSIVE), 1),
    ],
)
def test_broken_beats_inconclusive(
    naive: tuple[Verdict, ...], hardened: tuple[Verdict, ...], code: int
) -> None:
    assert running.exit_code(told(naive, hardened)) == code


def test_an_invalid_run_is_neither_broken_nor_held() -> None:
    assert running.exit_code(told((BROKEN,), (BROKEN,), valid=False)) == 3


WHY = "The program 'load' beside the naive twin ended mid-run, with exit code -9, so no twin is judged."


@pytest.mark.thorough
def test_a_generator_that_dies_in_mid_run_leaves_an_invalid_run_with_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a mistake in usage, and not a folder without a verdict: an invalid run, which says what has gone."""
    folder = tmp_path / "run"

    @contextmanager
    def performed(_plan: object, _runtime: str, _folder: Path, *_: object) -> Iterator[None]:
        make_run(folder, Fabricated(requests=200, status=Status.ABORTED, problem=WHY))
        for name in ("load.json", "final.json", "requests.bin"):
            (folder / "naive" / name).unlink()
        spoiled = Spoiled(WHY)
        spoiled.add_note("Container x is left.")
        raise spoiled
        yield

    heard: list[RunVerdict] = []
    monkeypatch.setattr(running, "performed", performed)
    monkeypatch.setattr(running, "heal", lambda _state: [])
    monkeypatch.setattr("lab.paths.STATE", tmp_path / "state")
    stack = a_stack("r")
    verdict, _ = running.judged_run(
        lambda: stack, "local", 1, lambda _plan: folder, lambda verdict, _folder: heard.append(verdict)
    )  # type: ignore[arg-type]
    assert heard == [verdict]
    assert "Container x is left." in capsys.readouterr().err
    assert not verdict.valid
    assert verdict.sentence == f"Invalid run, no twin is judged: run complete: {WHY}"
    assert json.loads((folder / "verdict.json").read_text())["valid"] is False
    assert running.exit_code(verdict) == 3
    assert RunRecord(folder).manifest.problem == WHY
    assert Drawer().draw(folder)
    assert WHY.split(",", maxsplit=1)[0] in (folder / "report.html").read_text().replace("&#39;", "'")


def test_a_second_lab_removes_nothing_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place for a run of a campaign is emptied of what a killed lab left there, not of what another is writing."""
    monkeypatch.setattr("lab.paths.STATE", tmp_path / "state")
    placed: list[object] = []

    def place(plan: object) -> Path:
        placed.append(plan)
        return tmp_path

    stack: Any = a_stack("r")
    with run_lock(tmp_path / "state"), pytest.raises(LabError, match="Another run is in progress"):
        running.judged_run(lambda: stack, "local", 0, place)
    assert placed == []
