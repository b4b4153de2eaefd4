"""What cannot be written, on standard output or standard error, ends no command in a code that would be a verdict.

Each of these is tried on a process of its own: on a full disk (/dev/full), and on a pipe that nobody reads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FULL, GONE = "a full disk", "nobody reads"


@contextmanager
def unwritable(how: str) -> Iterator[int]:
    """A descriptor that cannot be written to."""
    if how == FULL:
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def ended(*words: str, out: str = "", err: str = "") -> subprocess.CompletedProcess[bytes]:
    """How `python -m lab` with `words` ends where standard output is `out` and standard error `err`."""
    command = [sys.executable, "-m", "lab", *words]
    with unwritable(out or FULL) as stdout, unwritable(err or FULL) as stderr:
        return subprocess.run(
            command, cwd=ROOT, timeout=60, check=False,
            stdout=stdout if out else subprocess.PIPE, stderr=stderr if err else subprocess.PIPE,
        )  # fmt: skip


@pytest.mark.parametrize("how", [FULL, GONE])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nope"), 2),
        (("run", "s01", "--set", "speed=3"), 2),
        (("run", "--no-such-option"), 2),
        (("no-such-command",), 2),
        (("--version",), 0),
    ],
    ids=str,
)
def test_a_message_that_cannot_be_written_changes_no_exit_code(
    words: tuple[str, ...], code: int, how: str
) -> None:
    assert ended(*words, err=how).returncode == code


@pytest.mark.parametrize(("how", "code"), [(FULL, 2), (GONE, 141)])
@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--version",), ("list",)], ids=" ".join)
def test_an_answer_that_cannot_be_written_is_no_verdict(words: tuple[str, ...], how: str, code: int) -> None:
    done = ended(*words, out=how)
    assert done.returncode == code
    assert done.stderr.count(b"\n") == (how == FULL)
    assert ended(*words, out=how, err=how).returncode == code


LOST = """
import sys
from lab.shell import settle
settle()
from lab.cli.console import Plain, told
told("one")
Plain(stderr=True).print("two")
print("three", file=sys.stderr, flush=True)
sys.exit(5)
"""


@pytest.mark.parametrize("how", [FULL, GONE])
def test_messages_of_a_run_that_cannot_be_written_are_lost_and_it_goes_on(how: str) -> None:
    with unwritable(how) as stderr:
        done = subprocess.run([sys.executable, "-c", LOST], cwd=ROOT, stderr=stderr, timeout=60, check=False)
    assert done.returncode == 5


def test_messages_are_written_where_they_can_be() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST], cwd=ROOT, stderr=subprocess.PIPE, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (5, b"one\ntwo\nthree\n")


def test_a_slow_reader_of_a_pipe_that_does_not_wait_ends_nothing() -> None:
    """Another program may have set the terminal, which it shares with us, not to block."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    code = LOST.replace('told("one")', 'print("x" * 200_000, file=sys.stderr)')
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=writer, timeout=60, check=False)
    os.close(reader)
    os.close(writer)
    assert done.returncode == 5


def test_a_wait_that_cannot_be_told_to_the_impatient_is_no_error() -> None:
    code = "from lab.shell import Interrupts; both = Interrupts(); both.count = 1; both(2, None)"
    with unwritable(FULL) as stderr:
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=stderr, timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "program", [["sh", "prepare"], [sys.executable, "-I", "prepare.py"]], ids=["sh", "python"]
)
def test_a_setup_that_fails_ends_with_the_same_code_where_nobody_can_be_told(
    tmp_path: Path, program: list[str]
) -> None:
    """The one because of the colon in its path, the other because of a file where a folder should be."""
    clone = tmp_path / "a:b"
    for name in ("bin", "lab"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    (clone / ".lab").touch()
    with unwritable(FULL) as stderr:
        command = [*program, "run"]
        done = subprocess.run(command, cwd=clone / "bin", stderr=stderr, timeout=60, check=False)
    assert done.returncode == 2


@pytest.mark.parametrize(("code", "seen"), [(1, 70), (2, 2), (130, 130)])
def test_a_setup_that_breaks_is_no_verdict(tmp_path: Path, code: int, seen: int) -> None:
    (tmp_path / "bin").mkdir()
    for name, text in (("lab", (ROOT / "bin" / "lab").read_text()), ("prepare", f"#!/bin/sh\nexit {code}\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    assert subprocess.run([tmp_path / "bin" / "lab", "list"], timeout=60, check=False).returncode == seen


@pytest.mark.parametrize("how", ["", FULL])
def test_a_lab_that_cannot_be_loaded_is_one_sentence_and_no_verdict(how: str) -> None:
    code = """
import sys
class Damaged:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise ImportError("typer: file too short")
sys.meta_path.insert(0, Damaged())
sys.argv = ["lab", "list"]
import lab.__main__
"""
    with unwritable(FULL) as full:
        stderr = full if how else subprocess.PIPE
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=stderr, timeout=60, check=False)
    assert done.returncode == 70
    if not how:
        assert done.stderr.startswith(
            b"lab: The lab cannot be loaded (ImportError: typer: file too short). If you"
        )
        assert done.stderr.count(b"\n") == 1
