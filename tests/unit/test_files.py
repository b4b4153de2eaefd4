"""Files of a run folder: whole or not at all, never through a link, and sealed."""

import os
import subprocess
from pathlib import Path

import pytest

from lab.model import LabError
from lab.record import sums
from lab.record.files import write_bytes, write_text, write_value


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for text in ("first", "second"):
        write_text(tmp_path / "a.txt", text)
        assert (tmp_path / "a.txt").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_is_replaced_and_what_it_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "report.html").symlink_to(tmp_path / "theirs")
    write_text(tmp_path / "report.html", "ours")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "report.html").is_symlink()
    assert (tmp_path / "report.html").read_text() == "ours"


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "figures").symlink_to(tmp_path / "theirs")
    with pytest.raises(LabError, match="figures is a symlink"):
        write_bytes(tmp_path / "figures" / "a.png", b"")
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_link_planted_where_the_lab_writes_beside_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / f".a.txt.{os.getpid()}").symlink_to(tmp_path / "theirs")
    write_text(tmp_path / "a.txt", "ours")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert (tmp_path / "a.txt").read_text() == "ours"


def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(LabError, match=r"Cannot write .*a\.txt"):
        write_text(tmp_path / "a.txt", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(LabError, match=r"Make .*nowhere first"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")


def test_the_same_value_is_the_same_bytes(tmp_path: Path) -> None:
    write_value(tmp_path / "a.json", {"b": 1 / 3, "a": [1, "ü"]})
    write_value(tmp_path / "b.json", {"b": 1 / 3 + 1e-12, "a": [1, "ü"]})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    (tmp_path / "naive" / "logs").mkdir(parents=True)
    for name in ("manifest.json", "naive/final.json", "naive/logs/service.log"):
        (tmp_path / name).write_text(name)
    sums.seal(tmp_path)
    return tmp_path


def test_a_sealed_folder_is_what_it_was_also_for_sha256sum(sealed: Path) -> None:
    sums.verify(sealed)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=sealed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == 3


@pytest.mark.parametrize("name", ["manifest.json", "naive/final.json", "naive/logs/service.log"])
def test_a_change_after_the_run_is_found_and_the_file_named(sealed: Path, name: str) -> None:
    (sealed / name).write_text("changed")
    with pytest.raises(LabError, match=f"{name} was changed after the run"):
        sums.verify(sealed)
    (sealed / name).unlink()
    with pytest.raises(LabError, match=f"{name} is missing"):
        sums.verify(sealed)


@pytest.mark.parametrize("name", ["parts.jsonl", "naive/parts.jsonl", "notes.txt"])
def test_a_file_that_was_added_after_the_run_is_found(sealed: Path, name: str) -> None:
    (sealed / name).write_text("added")
    with pytest.raises(LabError, match=f"{name} was not there when the run ended"):
        sums.verify(sealed)


def test_a_seal_of_nothing_seals_nothing(sealed: Path) -> None:
    (sealed / "SHA256SUMS").write_text("")
    with pytest.raises(LabError, match="was not there when the run ended"):
        sums.verify(sealed)


def test_what_is_made_from_the_evidence_is_not_sealed(sealed: Path) -> None:
    (sealed / "figures").mkdir()
    for name in ("verdict.json", "report.html", "summary.md", "junit.xml", "figures/waits.png"):
        (sealed / name).write_text("made again")
    first = (sealed / "SHA256SUMS").read_bytes()
    sums.verify(sealed)
    sums.seal(sealed)
    assert (sealed / "SHA256SUMS").read_bytes() == first


def test_without_a_seal_nothing_can_be_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has no SHA256SUMS: the run did not end"):
        sums.verify(tmp_path)


@pytest.mark.parametrize("line", ["", "abc", "0  ../outside", "0  /etc/passwd"])
def test_a_seal_that_names_what_it_must_not_is_damaged(sealed: Path, line: str) -> None:
    (sealed / "SHA256SUMS").write_text(f"{line}\n")
    with pytest.raises(LabError):
        sums.verify(sealed)
