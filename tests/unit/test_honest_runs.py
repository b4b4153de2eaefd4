"""How often an honest run is invalid: each run is kept when it has ended, and the figures are those of the runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import honest
from tests.benchmarks.honest import INTRODUCTION, NO_VERDICT, Honest, known, measured, page, table

ROOT = Path(__file__).parents[2]
VERDICT = {"run": "r", "valid": False, "gates": [{"name": "foreign CPU", "passed": False}] * 2}


def a_run(**changes: object) -> Honest:
    told = {"round": 1, "scenario": "s00-control", "run": "r", "took_s": 30.0, "code": 0, "valid": True}
    return Honest(**{**told, "failed": (), "commit": "abc", "day": "2026-11-28", **changes})  # type: ignore[arg-type]


INVALID = a_run(scenario="s01-db-latency", code=3, valid=False, failed=("schedule lag", "foreign CPU"))
RUNS = (a_run(), a_run(code=1), a_run(code=3), INVALID, a_run(code=3, valid=False, failed=("foreign CPU",)))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bin/lab that prints what is in the file; it knows two scenarios."""
    answer, program = tmp_path / "answer", tmp_path / "lab"
    answer.write_text(json.dumps(VERDICT))
    program.write_text(f'#!/bin/sh\ncat "{answer}"\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setattr(honest, "LAB", program)
    monkeypatch.setattr(honest, "KEPT", tmp_path / "runs" / "honest.jsonl")
    monkeypatch.setattr(honest.catalogue, "entries", lambda: {"s00-control": None, "s01-db-latency": None})
    return answer


def test_every_run_is_kept_and_not_made_again(lab: Path) -> None:
    first = next(measured(1))
    assert (first.scenario, first.code, first.valid, first.failed) == (
        "s00-control",
        3,
        False,
        ("foreign CPU",),
    )
    with honest.KEPT.open("a") as lines:
        lines.write('\n{"round": 1, "scena')  # killed while it was written
    assert [run.scenario for run in measured(1)] == ["s01-db-latency"]
    assert [(run.round, run.scenario) for run in known()] == [(1, "s00-control"), (1, "s01-db-latency")]
    assert list(measured(1)) == []
    assert {run.round for run in measured(2)} == {2}


def test_a_run_that_ends_without_a_verdict_is_no_valid_one(lab: Path) -> None:
    lab.write_text("")
    assert next(measured(1)).failed == (NO_VERDICT,)


def test_a_lab_that_cannot_run_at_all_is_not_measured(lab: Path) -> None:
    honest.LAB.write_text("#!/bin/sh\necho No PostgreSQL. >&2\nexit 2\n")
    with pytest.raises(SystemExit, match="No PostgreSQL"):
        next(measured(1))
    assert known() == []


def test_the_table_counts_runs_verdicts_and_gates() -> None:
    told = list(table(RUNS))
    assert told[0] == "Valid at once: 3 of 5. Unexpected verdicts among the valid: 1."
    assert told[1] == "Valid, but not decided: 1."
    assert "| foreign CPU | 2 |" in told
    assert "| schedule lag | 1 |" in told
    assert "| s00-control | 4 | 3 | 1 | 1 |" in told
    assert "| s01-db-latency | 1 | 0 | 0 | 0 |" in told


def test_a_line_tells_how_a_run_ended() -> None:
    assert [str(run).partition(", ")[2] for run in RUNS[:4]] == [
        "exit code 0, as expected",
        "exit code 1, not as expected",
        "exit code 3, valid, but not decided",
        "exit code 3, invalid: schedule lag, foreign CPU",
    ]


def test_the_page_tells_when_and_of_what_the_figures_are() -> None:
    made = page(RUNS)
    assert "Made on 2026-11-28, at commit `abc`, on " in made
    assert "\n".join(table(RUNS)) in made
    assert page(()).endswith("Nothing has been measured yet.\n")


def test_the_page_in_docs_was_made_by_the_command() -> None:
    assert (ROOT / "docs" / "honest.md").read_text().startswith(INTRODUCTION)
