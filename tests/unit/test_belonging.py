"""Whatever a ledger says, healing ends only what is the run's own: the attack of a forged ledger, thing by thing."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.record import RunWriter
from lab.runtime.ownership import belonging
from lab.runtime.ownership.belonging import make_folder, processes
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.identity import started
from lab.runtime.ownership.ledger import FOLDER, PROCESS, RUN_MARK, SHARED_MEMORY, Ledger, holdings, read
from lab.runtime.ownership.relief import undo_resume
from tests.forged import forged_ledger

RUN = f"20261126-041800-s99-made-up-{os.getpid()}"  # another in each process that runs these tests
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def own(kind: str, key: object, **details: Any) -> dict[str, Any]:
    return {"record": "own", "kind": kind, "key": str(key), "details": details}


@contextmanager
def sleeping(*words: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group of its own, with `words` on its command line."""
    process = subprocess.Popen([*SLEEP, *words], env={**os.environ, **env}, process_group=0)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def written_down(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    return own(PROCESS, process.pid, started=started(process.pid), name="a server", stop=15)


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    (home / "thesis.txt").write_text("ten years of work")
    forged_ledger(state, RUN, own(FOLDER, home))

    assert heal(state) == []
    assert (home / "thesis.txt").read_text() == "ten years of work"
    assert holdings(state) == []


@pytest.mark.parametrize("run", ["another-run", f"{RUN}-2"], ids=["another", "alike"])
def test_the_folder_of_another_run_is_left_alone(tmp_path: Path, run: str) -> None:
    make_folder(tmp_path / "scratch", run)
    forged_ledger(tmp_path / "state", RUN, own(FOLDER, tmp_path / "scratch"))

    assert heal(tmp_path / "state") == []
    assert (tmp_path / "scratch").is_dir()


def test_a_link_to_a_folder_of_the_run_is_left_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "scratch", RUN)
    (tmp_path / "link").symlink_to(tmp_path / "scratch")
    forged_ledger(tmp_path / "state", RUN, own(FOLDER, tmp_path / "link"))

    assert heal(tmp_path / "state") == []
    assert (tmp_path / "scratch").is_dir()


def test_a_folder_of_the_run_goes_also_where_the_kill_came_before_its_mark(tmp_path: Path) -> None:
    whole, empty, unwritten = (
        tmp_path / "scratch",
        *(tmp_path / f"failure-lab-{RUN}-{pid}" for pid in (17, 18)),
    )
    make_folder(whole, RUN)
    (whole / "data").mkdir()
    empty.mkdir()
    unwritten.mkdir()
    (unwritten / belonging.FILE).touch()
    ours = (whole, empty, unwritten)
    forged_ledger(tmp_path / "state", RUN, *(own(FOLDER, folder) for folder in ours))

    assert heal(tmp_path / "state") == [f"removed {folder}" for folder in ours]


@pytest.mark.parametrize(
    "name", [f"failure-lab-{RUN}-17", f"failure-lab-{RUN}-2-17", "scratch"], ids=["ours", "alike", "scratch"]
)
def test_an_empty_mark_beside_anything_else_or_in_another_folder_marks_nothing(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / belonging.FILE).touch()
    if RUN in name:
        (folder / "thesis.txt").touch()
    forged_ledger(tmp_path / "state", RUN, own(FOLDER, folder))

    assert heal(tmp_path / "state") == []
    assert folder.is_dir()


def test_a_folder_is_still_known_where_a_kill_came_while_it_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    make_folder(scratch, RUN)
    (scratch / "data").mkdir()
    (scratch / "data" / "rows").touch()
    forged_ledger(tmp_path / "state", RUN, own(FOLDER, scratch))

    def killed(path: Path) -> None:
        for file in (inside for inside in path.iterdir() if inside.is_file()):
            file.unlink()
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        (failure,) = heal(tmp_path / "state")
        assert failure == f"could not remove folder {scratch}: killed"
    assert heal(tmp_path / "state") == [f"removed {scratch}"]


def test_a_process_of_somebody_elses_runs_on(tmp_path: Path) -> None:
    with sleeping() as theirs, sleeping(**{RUN_MARK: "another-run"}) as others:
        forged_ledger(tmp_path, RUN, written_down(theirs), written_down(others))

        assert heal(tmp_path) == []
        assert (theirs.poll(), others.poll()) == (None, None)


def test_a_process_of_the_run_is_ended(tmp_path: Path) -> None:
    with sleeping(**{RUN_MARK: RUN}) as ours:
        forged_ledger(tmp_path, RUN, written_down(ours))

        assert heal(tmp_path) == [f"stopped a server (pid {ours.pid})"]
        assert ours.wait(5) < 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run, while no environment may be read: as by root in a container, that of PostgreSQL."""

    def denied(process: psutil.Process) -> dict[str, str]:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "environ", denied)
    folder = tmp_path / f"failure-lab-{RUN}-17"
    make_folder(folder, RUN)
    return folder


def test_a_process_with_a_hidden_environment_is_known_by_the_folder_it_works_in(
    folder: Path, tmp_path: Path
) -> None:
    with sleeping("-D", f"{folder}/naive/data") as ours:
        forged_ledger(tmp_path, RUN, written_down(ours))

        assert heal(tmp_path) == [f"stopped a server (pid {ours.pid})"]
        assert ours.wait(5) < 0


@pytest.mark.parametrize("hidden", [True, False])
def test_a_process_that_is_just_becoming_another_program_is_known_a_moment_later(
    hidden: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile Linux shows neither words nor environment, though whoever started it was told that it runs."""
    looks = count()
    words, environment = psutil.Process.cmdline, {RUN_MARK: RUN}
    monkeypatch.setattr(psutil.Process, "cmdline", lambda it: words(it) if next(looks) > 2 else [])
    if not hidden:
        monkeypatch.setattr(psutil.Process, "environ", lambda it: environment if next(looks) > 2 else {})
    with sleeping("-D", f"{folder}/naive/data") as ours:
        assert belonging.has_process(RUN, ours.pid)


def test_so_is_one_that_did_not_get_into_the_ledger(folder: Path, tmp_path: Path) -> None:
    with sleeping("-D", f"{folder}/naive/data") as ours:
        forged_ledger(tmp_path, RUN)

        assert heal(tmp_path) == [f"stopped pid {ours.pid}, which belonged to the run"]
        assert ours.wait(5) < 0


def test_one_that_was_started_while_the_others_were_looked_for_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as alive:
        ours = [alive.enter_context(sleeping(**{RUN_MARK: RUN}))]

        def found_too_early(run: str) -> list[psutil.Process]:
            found = list(processes(run))
            if len(ours) == 1:
                ours.append(alive.enter_context(sleeping(**{RUN_MARK: RUN})))
            return found

        monkeypatch.setattr(belonging, "processes", found_too_early)
        forged_ledger(tmp_path, RUN)

        assert heal(tmp_path) == [f"stopped pid {it.pid}, which belonged to the run" for it in ours]
        assert [it.wait(5) < 0 for it in ours] == [True, True]


def test_one_that_may_not_be_killed_is_not_said_to_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "kill", denied)
    monkeypatch.setattr("lab.runtime.ownership.heal.STOP_TIMEOUT_S", 0.1)
    with sleeping(**{RUN_MARK: RUN}) as ours:
        forged_ledger(tmp_path, RUN)

        assert heal(tmp_path) == []
        assert ours.poll() is None


def test_so_is_one_that_is_paused(folder: Path, tmp_path: Path) -> None:
    with sleeping("-D", f"{folder}/naive/data") as ours:
        ours.send_signal(signal.SIGSTOP)
        os.waitpid(ours.pid, os.WUNTRACED)
        run = read(forged_ledger(tmp_path, RUN))

        assert list(undo_resume({"descriptors": 0}, run)) == [f"continued pid {ours.pid}"]
        assert os.WIFCONTINUED(os.waitpid(ours.pid, os.WCONTINUED)[1])


def test_a_process_that_works_elsewhere_runs_on_also_if_its_environment_is_hidden(
    folder: Path, tmp_path: Path
) -> None:
    other, unmarked = tmp_path / f"failure-lab-{RUN}-2-17", tmp_path / f"failure-lab-{RUN}-18"
    make_folder(other, f"{RUN}-2")
    unmarked.mkdir()
    (unmarked / "thesis.txt").touch()
    words = [f"{other}/data", f"{unmarked}/thesis.txt", f"{folder.name}/data", f"see:{folder}/data"]
    with sleeping(*words) as theirs:
        forged_ledger(tmp_path, RUN, written_down(theirs))

        assert heal(tmp_path) == []
        assert theirs.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="the layout of postmaster.pid is read on Linux")
def test_shared_memory_of_somebody_elses_server_is_left_alone(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x0FA11_1AB + os.getpid()
    number = libc.shmget(key, 4096, 0o1600)
    assert number >= 0
    try:
        scratch = tmp_path / "scratch"
        data = scratch / "naive" / "data"
        data.mkdir(parents=True)
        (data / "postmaster.pid").write_text("\n".join(["1"] * 6 + [f"{key} {number}", ""]))

        forged_ledger(tmp_path / "state", RUN, own(SHARED_MEMORY, data))
        assert heal(tmp_path / "state") == []
        assert libc.shmget(key, 0, 0) == number

        shutil.move(scratch, tmp_path / "kept")
        make_folder(scratch, RUN)
        shutil.move(tmp_path / "kept" / "naive", scratch / "naive")
        forged_ledger(tmp_path / "state", RUN, own(SHARED_MEMORY, data))
        assert heal(tmp_path / "state") == [f"freed the shared memory of {data}"]
        assert libc.shmget(key, 0, 0) == -1
    finally:
        libc.shmctl(number, 0, None)


def test_a_ledger_that_came_with_a_copy_of_a_clone_does_nothing(tmp_path: Path) -> None:
    clone, copy, scratch = tmp_path / "clone", tmp_path / "copy", tmp_path / "scratch"
    make_folder(scratch, RUN)
    forged_ledger(clone, RUN, own(FOLDER, scratch))
    shutil.copytree(clone, copy)

    path = copy / "owned" / f"{RUN}.jsonl"
    where = "copied, or written on another machine or in another container, so the lab does not act on it"
    said = f"left alone: {path} was {where}. If nothing it lists is running: rm {path}"
    assert heal(copy) == [said]
    assert heal(clone) == [f"removed {scratch}"]


def test_a_ledger_that_was_not_written_here_starts_nothing(tmp_path: Path) -> None:
    """What a fault has ended is started again in a stack that was left up: by the command in the ledger."""
    made = tmp_path / "made"
    start = {
        "name": "a server", "command": f'["touch", "{made}"]', "env": "{}", "cwd": "/", "log": str(tmp_path / "log"),
        "user": -1, "group": -1, "stop": 15,
    }  # fmt: skip
    records = [
        own("container", "any"),
        {"record": "undo", "how": "start process", "details": start},
        {"record": "standing", "published": {}},
    ]
    forged_ledger(tmp_path, RUN, *records, genuine=False)
    assert take_down(tmp_path) == []
    (line,) = heal(tmp_path)
    assert "was copied, or written on another machine" in line
    time.sleep(0.2)
    assert not made.exists()


@pytest.mark.parametrize("line", ["[]", "7", '{"record": "own"}', '{"record": "undo", "x": 1}'])
def test_a_ledger_that_no_lab_can_have_written_stops_nobody(tmp_path: Path, line: str) -> None:
    path = forged_ledger(tmp_path, RUN, own(FOLDER, tmp_path))
    with path.open("a") as file:
        file.write(f"{line}\n")

    (told,) = heal(tmp_path)
    assert told.startswith(f"left alone: {path} was copied, or written on another machine")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_ledger_of_another_user_is_for_him_to_heal(tmp_path: Path) -> None:
    """Root would start what it names as root."""
    path = forged_ledger(tmp_path, RUN)
    os.chown(path, 65_534, 65_534)
    said = f"left alone: {path} belongs to nobody. Only nobody can stop what it lists. As nobody: bin/lab"
    assert heal(tmp_path) == [f"{said} heal"]
    assert take_down(tmp_path) == [f"{said} down"]
    assert path.exists()


def test_a_ledger_without_a_line_is_removed(tmp_path: Path) -> None:
    path = forged_ledger(tmp_path, RUN)
    path.write_text("")
    assert heal(tmp_path) == []
    assert not path.exists()


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_nobody_else_reads_a_ledger_or_the_folders_of_a_run(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        ledger = Ledger(tmp_path, RUN)
        make_folder(tmp_path / "scratch", RUN)
        writer = RunWriter(tmp_path / "run")
    finally:
        os.umask(before)
    private = [ledger.path.parent, ledger.path, tmp_path / "scratch", writer.folder]
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in private] == [0] * 4
    writer.open_up()
    assert stat.S_IMODE(writer.folder.stat().st_mode) == 0o777 & ~umask


def test_a_finished_run_is_closed_to_whom_the_users_umask_keeps_out(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", umask=0o077)
    writer.open_up()
    assert stat.S_IMODE(writer.folder.stat().st_mode) == 0o700
