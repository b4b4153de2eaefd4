"""The ledger: what a killed run leaves is found again, and nothing else is."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lab.model import LabError, Undo
from lab.runtime.ownership import identity
from lab.runtime.ownership import ledger as ownership
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.identity import started
from lab.runtime.ownership.ledger import (
    CONTAINER,
    FOLDER,
    PROCESS,
    Ledger,
    Owned,
    holdings,
    leftovers,
    read,
)
from lab.runtime.ownership.lock import run_lock

UNDO = Undo(how="toxiproxy", details={"url": "http://127.0.0.1:8474", "proxy": "database"})


def test_everything_owned_and_not_disowned_is_read_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "run-1")
    kept = [
        ledger.own_process(os.getpid(), "me"),
        ledger.own_folder(tmp_path / "x"),
        ledger.own_container("c1"),
    ]
    ledger.disowned(ledger.own_container("c2"))
    ledger.undo(UNDO)

    run = read(ledger.path)

    assert run.owned == tuple(kept)
    assert [thing.kind for thing in run.owned] == [PROCESS, FOLDER, CONTAINER]
    assert run.undos == (UNDO,)
    assert run.owner_pid == os.getpid()


def test_the_run_of_a_living_owner_is_no_leftover(tmp_path: Path) -> None:
    Ledger(tmp_path, "alive").own_folder(tmp_path / "x")

    assert [run.run for run in holdings(tmp_path)] == ["alive"]
    assert leftovers(tmp_path) == []


def test_the_run_of_a_killed_owner_is_left_over(tmp_path: Path) -> None:
    code = f"import os, pathlib, lab.runtime.ownership.ledger as l; l.Ledger(pathlib.Path({str(tmp_path)!r}), 'r')"
    owner = subprocess.Popen([sys.executable, "-c", code + "; os.kill(os.getpid(), 9)"])
    assert owner.wait(20) == -signal.SIGKILL

    assert [run.run for run in leftovers(tmp_path)] == ["r"]


def test_an_owner_whose_pid_was_used_again_counts_as_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(tmp_path, "r")
    monkeypatch.setattr(ownership, "started", lambda pid: "another start")

    assert [run.run for run in leftovers(tmp_path)] == ["r"]


def test_a_process_whose_pid_was_used_again_is_not_ours() -> None:
    ours = Owned(kind=PROCESS, key=str(os.getpid()), details={"started": started(os.getpid())})
    earlier = Owned(kind=PROCESS, key=str(os.getpid()), details={"started": "before/1"})

    assert ownership.process_alive(ours)
    assert not ownership.process_alive(earlier)


def test_a_zombie_does_not_count_as_alive() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended; nobody has reaped it
    try:
        assert started(process.pid) is None
    finally:
        process.wait()


def test_a_stack_left_standing_is_no_leftover_while_a_part_of_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path, "r")
    ledger.own_process(os.getpid(), "server")
    ledger.left_standing({"naive": {"edge": "http://127.0.0.1:1"}})
    real = started
    monkeypatch.setattr(ownership, "started", lambda pid: None if pid == os.getpid() else real(pid))
    assert [run.run for run in leftovers(tmp_path)] == ["r"], "owner and server dead"

    monkeypatch.undo()
    (run,) = holdings(tmp_path)
    assert run.standing
    assert run.published == {"naive": {"edge": "http://127.0.0.1:1"}}


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({}, True),
        ({"name": "vpn-17"}, True),
        ({"boot": "after a restart"}, True),
        ({"boot": "of a copied machine", "name": "desk-2"}, False),
        ({"boot": "of another machine", "machine": "another"}, False),
        ({"processes": "of a container", "name": "0f3c"}, False),
        ({"processes": "of a container on the host's network"}, False),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_machine_knows_its_ledgers_also_by_another_name_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], known: bool, named: bool
) -> None:
    made = {**identity.place(), "boot": "first"} | ({} if named else {"machine": ""})
    monkeypatch.setattr(identity, "place", lambda: made | changed)
    monkeypatch.setattr(ownership, "place", lambda: made)
    assert read(Ledger(tmp_path, "r").path).genuine == known


def test_where_only_a_name_tells_machines_apart_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"boot": "", "processes": "", "machine": "", "name": "desk-1"}
    monkeypatch.setattr(ownership, "place", lambda: made)
    ledger = Ledger(tmp_path, "r")
    for name in ("desk-1", "desk-2"):
        monkeypatch.setattr(identity, "place", lambda name=name: made | {"name": name})
        assert read(ledger.path).genuine == (name == "desk-1")


def test_a_line_cut_short_by_the_kill_is_passed_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "r")
    ledger.own_container("c1")
    with ledger.path.open("a") as file:
        file.write('{"record": "own", "kind": "conta')

    assert [thing.key for thing in read(ledger.path).owned] == ["c1"]


def test_an_undo_is_on_disk_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path, "r")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _fd: synced.append(len(read(ledger.path).undos)))

    ledger.undo(UNDO)

    assert synced == [1]


def test_closing_the_ledger_removes_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "r")
    ledger.close()

    assert holdings(tmp_path) == []


def test_a_state_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LabError, match="Cannot write"):
        Ledger(tmp_path / "file", "r")


def test_no_ledger_is_ever_seen_without_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ownership.Holdings] = []
    monkeypatch.setattr(ownership, "about_to", lambda _effect: seen.extend(holdings(tmp_path)))
    Ledger(tmp_path, "r").own_container("c1")

    assert [run.genuine for run in seen] == [True]
    assert [path.name for path in (tmp_path / "owned").iterdir()] == ["r.jsonl"]


def test_a_lock_that_belongs_to_root_names_the_command_that_gives_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "run.lock").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(LabError, match="work in a clone of your own") as told, run_lock(tmp_path):
        pass
    assert f'sudo chown -R "$USER" {tmp_path}' in str(told.value)


def test_a_lock_is_for_its_user_alone_and_a_full_disk_does_not_refuse_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can open the file can hold the lock, and whoever heals must get it."""
    (tmp_path / "run.lock").touch(mode=0o644)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with run_lock(tmp_path):
        assert stat.S_IMODE((tmp_path / "run.lock").stat().st_mode) == 0o600


def test_a_full_disk_does_not_stop_the_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path, "r")
    first, second = ledger.own_container("c1"), ledger.own_container("c2")
    whole = json.dumps

    def cut(record: dict[str, object]) -> str:
        with ledger.path.open("a") as file:
            file.write(whole(record)[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(json, "dumps", cut)
        ledger.disowned(first)
    ledger.disowned(second)

    assert [thing.key for thing in read(ledger.path).owned] == ["c1"], (
        "the cut line has not swallowed the next"
    )


def test_what_another_machine_or_container_runs_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared disk: its processes cannot be seen from here, and are not dead for that."""
    ledger = Ledger(tmp_path, "r")
    ledger.own_folder(tmp_path / "x")
    elsewhere = identity.place() | {"name": "another", "processes": "pid:[1]"}
    monkeypatch.setattr(identity, "place", lambda: elsewhere)

    assert [run.genuine for run in holdings(tmp_path)] == [False]
    (line,) = heal(tmp_path)
    assert "on another machine or in another container" in line
    assert ledger.path.exists()
