"""Files of a run folder: whole or not at all, never through a link, nothing but files, and sealed."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.model import LabError
from lab.record import sums
from lab.record.files import count_lines, read_bytes, read_json_lines, write_bytes, write_text, write_value
from lab.record.manifest import is_run, read_manifest, read_origin
from lab.record.requests import read_requests


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


READERS: dict[str, Callable[[Path], object]] = {
    "whole": read_bytes,
    "lines": lambda path: list(read_json_lines(path)),
    "count": count_lines,
    "requests": lambda path: read_requests(path, "naive", 0.0, 1),
    "manifest": lambda path: read_manifest(path.parent),
}


@pytest.mark.timeout(30)  # a pipe would be waited for
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_is_no_file_is_not_waited_for_and_not_read(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "manifest.json"
    os.mkfifo(path)
    with pytest.raises(LabError, match=r"manifest\.json is not a file\. Move it away"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LabError, match=r"manifest\.json is not a file\. Move it away"):
        read(path)


@pytest.mark.parametrize("leads_to", ["/dev/null", "theirs", "/nowhere"])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_link_is_not_read_wherever_it_leads(
    tmp_path: Path, read: Callable[[Path], object], leads_to: str
) -> None:
    (tmp_path / "theirs").write_text("{}\n")
    (tmp_path / "manifest.json").symlink_to(leads_to)
    with pytest.raises(LabError, match=r"manifest\.json is a symlink, but the lab reads only real files"):
        read(tmp_path / "manifest.json")


@pytest.mark.parametrize("read", [READERS[name] for name in ("whole", "requests", "manifest")])
def test_a_file_that_would_fill_the_memory_is_not_read(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    """Its size is only claimed: it has no blocks on the disk."""
    path = tmp_path / "manifest.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(LabError, match=r"is damaged \(it has more than \d+ MiB\)"):
        read(path)


def test_a_line_that_would_fill_the_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.record.files.LINE_MAX_BYTES", 1 << 20)
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 28)
    with pytest.raises(LabError, match=r"is damaged \(a line has more than 1 MiB\)"):
        list(read_json_lines(path))


@pytest.mark.timeout(30)
def test_who_only_looks_through_folders_is_not_held_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    assert not is_run(tmp_path)
    assert read_origin(tmp_path).commit == ""


def test_a_link_to_the_same_content_is_no_evidence(sealed: Path) -> None:
    (sealed / "manifest.json").rename(sealed.parent / "theirs")
    (sealed / "manifest.json").symlink_to(sealed.parent / "theirs")
    with pytest.raises(LabError, match=r"manifest\.json is a symlink"):
        sums.verify(sealed)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "naive" / "logs").mkdir(parents=True)
    for name in ("manifest.json", "naive/final.json", "naive/logs/service.log"):
        (folder / name).write_text(name)
    sums.seal(folder)
    return folder


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
