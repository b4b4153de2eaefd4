"""A stack on its way up: what `lab ps` says of it, and that an interrupt leaves nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import cli
from lab.cli import assembly, stacks
from lab.model import LabError, Unhealed
from lab.runtime.ownership import engine
from lab.runtime.ownership.engine import Found
from lab.runtime.ownership.ledger import CONTAINER, Holdings, Ledger, Owned
from lab.runtime.ownership.stopped import stopped
from tests.forged import forged_ledger
from tests.unit.conftest import Lab

NAMES = ("running", "created", "missing", "exited")
UP = {"naive": {"edge": "http://127.0.0.1:1"}}


def a_stack(**changes: Any) -> Holdings:
    known: dict[str, Any] = {
        "run": "20261127-080000-up-3fa9",
        "path": Path("ledger"),
        "genuine": True,
        "owner_pid": 1,
        "owner_alive": True,
        "since": 0.0,
        "owned": tuple(Owned(kind=CONTAINER, key=name) for name in NAMES),
    }
    return Holdings(**known | changes)


@pytest.fixture(autouse=True)
def containers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Found(name=name, state=name, job=False) for name in NAMES if name != "missing"]
    monkeypatch.setattr(engine, "containers", lambda _run: found)


def test_what_does_not_run_yet_is_not_dead_while_a_stack_starts() -> None:
    assert [one.name for one in stopped(a_stack())] == ["exited"]


def test_what_does_not_run_in_a_stack_that_is_up_is_dead() -> None:
    assert [one.name for one in stopped(a_stack(published=UP))] == ["created", "exited", "missing"]
    assert [one.name for one in stopped(a_stack(owner_alive=False))] == ["created", "exited", "missing"]


class Interrupted:
    """A testbed whose user presses Ctrl-C while it starts."""

    runtime = "local"
    downs = 0

    def up(self, _journal: object) -> None:
        raise KeyboardInterrupt

    def down(self) -> None:
        self.downs += 1


def test_an_interrupt_while_a_stack_starts_takes_it_down_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    testbed = Interrupted()
    monkeypatch.setattr(stacks.paths, "STATE", tmp_path)
    monkeypatch.setattr(assembly, "testbed", lambda *_: testbed)
    with pytest.raises(KeyboardInterrupt):
        stacks.bring_up("local", "all")
    assert testbed.downs == 1


class Left(Interrupted):
    """One that does not come up, and of which something stays."""

    def up(self, _journal: object) -> None:
        raise LabError("No PostgreSQL.")

    def down(self) -> None:
        raise Unhealed("Container x is left. Remove it: bin/lab heal")


def test_why_a_stack_did_not_start_is_told_before_what_is_left_of_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "testbed", lambda *_: Left())
    code, _, err = lab("up", "--runtime", "local")
    assert code == 2
    assert err.endswith("lab: No PostgreSQL.\nContainer x is left. Remove it: bin/lab heal\n")


class Up(Interrupted):
    """One that comes up. Its guardian has been dismissed by then."""

    def up(self, _journal: object) -> None:
        pass

    def published(self, _twin: str) -> dict[str, str]:
        return dict.fromkeys(("edge", "toxiproxy"), "http://127.0.0.1:1")


def full(_token: str) -> Path:
    raise OSError(28, "No space left on device", "up.header")


def interrupted_while_telling(_text: str) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("function", "fails", "error"),
    [("write_header", full, OSError), ("say", interrupted_while_telling, KeyboardInterrupt)],
)
def test_a_stack_is_left_up_only_if_its_addresses_were_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: str, fails: Any, error: type[BaseException]
) -> None:
    testbed = Up()
    monkeypatch.setattr(stacks.paths, "STATE", tmp_path)
    monkeypatch.setattr(assembly, "testbed", lambda *_: testbed)
    monkeypatch.setattr(stacks, function, fails)
    with pytest.raises(error):
        stacks.bring_up("local", "all")
    assert testbed.downs == 1
    assert not stacks.header().exists()


def test_what_an_interrupt_says_is_what_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cli.paths, "STATE", tmp_path)
    all_gone = "Interrupted. Everything is healed and stopped."
    assert cli.interrupted() == all_gone
    ledger = Ledger(tmp_path, "mine")
    assert "before healing ended" in cli.interrupted()
    ledger.own_container("mine-service-1")
    ledger.left_standing(UP)
    assert cli.interrupted().endswith("stay up; to stop them: bin/lab down")
    forged_ledger(tmp_path, "dead")
    assert "to check: bin/lab heal" in cli.interrupted()
    ledger.close()
    forged_ledger(tmp_path, "dead", genuine=False)  # a copy, which healing leaves alone
    assert cli.interrupted() == all_gone


def test_an_interrupted_selfcheck_says_that_its_run_may_not_be_healed_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The run is in the copy of the sources, and its ledger is in the state of that copy."""
    monkeypatch.setattr(cli.paths, "STATE", tmp_path)
    ledger = forged_ledger(cli.paths.workshop() / tmp_path.name, "20261129-090000-s00-control-0001")
    assert "to check: bin/lab heal" in cli.interrupted()
    ledger.unlink()
    assert cli.interrupted() == "Interrupted. Everything is healed and stopped."


def test_each_line_to_try_says_whose_time_it_is_and_ends_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    places = {"edge": "http://127.0.0.1:1", "toxiproxy": "http://127.0.0.1:2"}
    stacks.print_experiment({"naive": places, "mine": places}, tmp_path / "header")
    said = capsys.readouterr().out
    for twin in ("naive", "mine"):
        line = f'-w "{twin} %{{time_total}} s\\n" -H @"$TOKEN" '
        line += "'http://127.0.0.1:1/users/?include=bookings'\n"
        assert said.count(line) == 2
    assert said.count("/proxies/database/toxics; echo\n") == 2
    assert "twice, because the first request is slower" in said
