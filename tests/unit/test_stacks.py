"""A stack on its way up: what `lab ps` says of it, and that an interrupt leaves nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.cli import assembly, stacks
from lab.runtime.ownership import engine
from lab.runtime.ownership.engine import Found
from lab.runtime.ownership.ledger import CONTAINER, Holdings, Owned
from lab.runtime.ownership.stopped import stopped

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
