"""Damage to any file of a run folder is one sentence and exit 2, or an invalid run: never a traceback, never a verdict.

Every file of a whole run is damaged in every way that fits it: once as somebody would leave it who changes a file, once
with the seal made again as somebody would who wants to go unnoticed.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab import cli, paths
from lab.cli import assembly, drawing
from lab.model import LabError, Phases
from lab.record import REQUEST, read_verdict, sums
from reports.__main__ import main as draw
from tests.fabricated.evidence import HARDENED, NAIVE
from tests.fabricated.folder import Fabricated, make_run

EXPECTED, NOT_EXPECTED, UNUSABLE, INVALID = 0, 1, 2, 3
SHIFT_S = 3_600.0
PHASES = Phases(warmup_s=0.5, baseline_s=1.5, fault_s=3.5, recovery_s=6, drain_s=0.5)
NAME = "20261121-083000-s01-db-latency-0001"
OTHER = "20261121-093000-s01-db-latency-0002"  # is never damaged
RESULT = tuple[int, str, str]
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run, judged and with its pages, and beside it as much of another as its line in the list needs."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    folder = make_run(runs / NAME, Fabricated(requests=300, phases=PHASES, members=1, sessions=True))
    assembly.grade(folder)
    draw(str(folder), "not drawn in this test")
    (runs / OTHER).mkdir()
    for name in ("manifest.json", "verdict.json"):
        shutil.copy(folder / name, runs / OTHER / name)
    return runs


Lab = Callable[..., RESULT]


@pytest.fixture
def lab(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Lab:
    """(exit code, standard output, standard error) of a command line, on a copy of the runs; pages have no figures."""
    shutil.copytree(whole, tmp_path / "runs")
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(drawing, "_draw", _without_figures)

    def command(*words: str) -> RESULT:
        monkeypatch.setattr(sys, "argv", ["bin/lab", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        return (leaving.value.code or 0, *capsys.readouterr())  # type: ignore[return-value]

    return command


def _without_figures(_program: object, folder: Path, *_words: str) -> None:
    """Draws in this process, since a process for each damage takes a second."""
    read_verdict(folder)
    try:
        draw(str(folder.resolve()), "not drawn in this test")
    except SystemExit as error:
        raise LabError(str(error.code)) from None


def _every(change: Callable[[Any], Any], data: Any) -> Any:
    """`data` with each value that is neither a list nor an object changed."""
    if isinstance(data, dict):
        return {name: _every(change, value) for name, value in data.items()}
    if isinstance(data, list):
        return [_every(change, value) for value in data]
    return change(data)


def _shifted(data: Any) -> Any:
    """Every instant of `data` an hour later."""
    if isinstance(data, dict):
        return {
            name: value + SHIFT_S
            if isinstance(value, float | int) and name.endswith(("_s", "_at", "end", "t0"))
            else _shifted(value)
            for name, value in data.items()
        }
    return [_shifted(value) for value in data] if isinstance(data, list) else data


def _of_json(change: Callable[[Any], Any]) -> Damage:
    def damage(path: Path) -> None:
        text = path.read_text()
        if path.suffix == ".jsonl":
            path.write_text(
                "".join(json.dumps(change(json.loads(line))) + "\n" for line in text.splitlines())
            )
        else:
            path.write_text(json.dumps(change(json.loads(text))))

    return damage


def _of_requests(field: str, value: float) -> Damage:
    def damage(path: Path) -> None:
        whose, rows = (
            path.read_bytes()[: REQUEST.itemsize],
            np.fromfile(path, REQUEST, offset=REQUEST.itemsize),
        )
        rows[field] = rows[field] + value if field in ("intended", "end") else value
        path.write_bytes(whose + rows.tobytes())

    return damage


def _swap(path: Path) -> None:
    """With the same file of the other twin."""
    other = Path(str(path).replace(f"/{NAIVE}/", f"/{HARDENED}/"))
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere")


def _to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


ANY: dict[str, Damage] = {
    "half": _half,
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "a folder": _directory,
    "a link to nowhere": _dangling,
    "a link to itself": _to_itself,
    "noise": lambda path: path.write_bytes(random.Random(1).randbytes(2_048)),
    "noise after it": lambda path: path.write_bytes(path.read_bytes() + b"\x00\xff\n{\n"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}
JSON: dict[str, Damage] = {
    "numbers as text": _of_json(lambda data: _every(lambda v: str(v) if _is_number(v) else v, data)),
    "text as numbers": _of_json(lambda data: _every(lambda v: 7 if isinstance(v, str) else v, data)),
    "numbers negative": _of_json(lambda data: _every(lambda v: -v if _is_number(v) else v, data)),
    "numbers huge": _of_json(lambda data: _every(lambda v: 10**400 if _is_number(v) else v, data)),
    "numbers infinite": _of_json(lambda data: _every(lambda v: "inf" if _is_number(v) else v, data)),
    "numbers not a number": _of_json(lambda data: _every(lambda v: float("nan") if _is_number(v) else v, data)),
    "numbers zero": _of_json(lambda data: _every(lambda v: 0 if _is_number(v) else v, data)),
    "all null": _of_json(lambda data: _every(lambda _: None, data)),
    "all lists": _of_json(lambda data: _every(lambda v: [v], data)),
    "in a list": _of_json(lambda data: [data]),
    "null": _of_json(lambda _: None),
    "objects emptied": _of_json(lambda data: {name: {} if isinstance(v, dict) else v for name, v in data.items()}),
    "lists emptied": _of_json(lambda data: {name: [] if isinstance(v, list) else v for name, v in data.items()}),
    "a member more": _of_json(lambda data: {**data, "surprise": 1}),
    "a member less": _of_json(lambda data: dict(list(data.items())[1:])),
    "an hour later": _of_json(_shifted),
    "too deep": lambda path: path.write_text("[" * 200_000),
}  # fmt: skip
LINES: dict[str, Damage] = {
    "lines reversed": lambda path: path.write_text("".join(reversed(path.read_text().splitlines(keepends=True)))),
    "lines twice": lambda path: path.write_text(path.read_text() * 2),
    "an empty line": lambda path: path.write_text("\n" + path.read_text()),
}  # fmt: skip
REQUESTS: dict[str, Damage] = {
    "an hour later": _of_requests("intended", SHIFT_S),
    "ended an hour later": _of_requests("end", SHIFT_S),
    "no such operation": _of_requests("op", 200),
    "no such outcome": _of_requests("outcome", 9),
    "one number for all": _of_requests("i", 3),
    "not a number": _of_requests("end", float("nan")),
}
SEAL: dict[str, Damage] = {
    "names a file outside": lambda path: path.write_text("0" * 64 + "  ../../secret\n"),
    "names a folder": lambda path: path.write_text("0" * 64 + "  naive\n"),
    "other sums": lambda path: path.write_text(path.read_text().replace("0", "1")),
}  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def damages(name: str) -> dict[str, Damage]:
    """Those that fit a file."""
    fitting = dict(ANY)
    if name.endswith((".json", ".jsonl")):
        fitting |= JSON
    if name.endswith(".jsonl"):
        fitting |= LINES
    if name.endswith(".bin"):
        fitting |= REQUESTS
    if name == sums.NAME:
        fitting |= SEAL
    if name.startswith(f"{NAIVE}/"):
        fitting |= {"the other twin's": _swap}
    return fitting


FILES = (
    "manifest.json", "t0.json", "end.json", "schedule.jsonl", "events.jsonl", "machine.jsonl", "SHA256SUMS",
    "verdict.json", "report.html", "summary.md", "junit.xml", "naive/requests.bin", "naive/history.jsonl",
    "naive/load.json", "naive/probes.jsonl", "naive/parts.jsonl", "naive/metrics.jsonl", "naive/canary.jsonl",
    "naive/initial.json", "naive/final.json", "naive/logs/load.log", "naive/logs/service.log",
)  # fmt: skip
CASES = [(name, damage) for name in FILES for damage in damages(name)]
MADE_AGAIN = ("verdict.json", "report.html", "summary.md", "junit.xml")  # from the evidence
NOT_SEALED = (*MADE_AGAIN, sums.NAME)


def test_every_file_of_a_run_folder_is_damaged_here(whole: Path) -> None:
    folder = whole / NAME
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there - {name for name in there if name.startswith(f"{HARDENED}/")} == set(FILES)


def test_an_undamaged_run_is_judged_and_drawn(lab: Lab, whole: Path) -> None:
    assert lab("regrade", NAME)[0] == EXPECTED
    assert lab("report", NAME)[0] == EXPECTED
    for name in MADE_AGAIN:
        assert (paths.RUNS / NAME / name).read_bytes() == (whole / NAME / name).read_bytes()


def commands(lab: Lab) -> Iterator[tuple[str, RESULT]]:
    """The output of all commands that read runs about the damaged one; none of them hides the other run."""
    for word in ("report", "regrade"):
        yield word, lab(word, NAME)
    code, out, _ = lab("runs", "--json")
    rows = {row["run"]: row["status"] for row in json.loads(out)}
    assert (code, rows[OTHER]) == (EXPECTED, "as expected")


def one_sentence(word: str, result: RESULT) -> bool:
    """Exit 2, with one line for people."""
    code, out, err = result
    assert code != UNUSABLE or (err.startswith("lab: ") and err.count("\n") == 1 and not out), (word, result)
    return code == UNUSABLE


def each_unsealed() -> list[Any]:
    """In CI without changes to the contents of evidence: the checksum refuses them all alike."""
    return [
        pytest.param(
            name,
            how,
            id=f"{name}: {how}",
            marks=[] if how in ANY or name in NOT_SEALED else [pytest.mark.long],
        )
        for name, how in CASES
    ]


@pytest.mark.parametrize(("name", "how"), each_unsealed())
def test_what_was_changed_after_the_run_is_never_judged(lab: Lab, whole: Path, name: str, how: str) -> None:
    folder = paths.RUNS / NAME
    damages(name)[how](folder / name)
    same = evidence_of(folder) == evidence_of(whole / NAME)  # both twins' alike, or nothing there to change
    for word, result in commands(lab):
        refused = one_sentence(word, result)
        if name not in MADE_AGAIN:
            assert refused != same, (word, result)
        elif word == "regrade" and not refused:
            assert result[0] == EXPECTED


def evidence_of(folder: Path) -> dict[str, bytes | None]:
    """All that is sealed, and the lines of the seal; None for what is no file."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    sealed = {name: path.read_bytes() if path.is_file() else None for name, path in files.items()}
    sums_there = (sealed.pop(sums.NAME, None) or b"").splitlines()
    return {name: data for name, data in sealed.items() if name not in MADE_AGAIN} | {
        sums.NAME: b"".join(sums_there)
    }


@pytest.mark.parametrize(("name", "how"), CASES, ids=[f"{name}: {how}" for name, how in CASES])
def test_a_damage_under_a_seal_made_again_is_no_traceback(lab: Lab, name: str, how: str) -> None:
    folder = paths.RUNS / NAME
    damages(name)[how](folder / name)
    if name != sums.NAME:
        sums.seal(folder)
    for word, result in commands(lab):
        one_sentence(word, result)
        assert result[0] in (EXPECTED, NOT_EXPECTED, UNUSABLE, INVALID)
