"""Taking a stack down: the engine may still finish what a Compose asked for that was killed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path

import pytest

from lab.model import Unhealed
from lab.runtime.containers import testbed
from lab.runtime.containers.testbed import DockerTestbed
from lab.runtime.ownership import engine, heal
from lab.runtime.ownership.engine import PASSES_MAX, Emptied, emptied
from lab.runtime.ownership.ledger import CONTAINER, read
from lab.workload.booking import BOOKING
from tests.forged import forged_ledger
from tests.standing import a_stack

EMPTY, SOME = False, True
EVER = [SOME] * 99


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PAUSE_S", 0.0)


def looks(found: list[bool], looked: list[str]) -> Callable[[str], list[str]]:
    """What each look finds, one after the other, and nothing after that."""
    turns = iter(found)

    def look(run: str) -> list[str]:
        looked.append(run)
        return ["removed container x"] if next(turns, EMPTY) else []

    return look


@pytest.mark.parametrize(
    ("found", "times", "forgotten"),
    [
        ([], 2, True),
        ([SOME, SOME], 4, True),
        ([EMPTY, SOME], 4, True),  # the engine was about to make it
        ([SOME] * (PASSES_MAX - 2), PASSES_MAX, True),
        ([SOME] * (PASSES_MAX - 1), PASSES_MAX, False),
        (EVER, PASSES_MAX, False),
    ],
)
def test_down_looks_until_nothing_comes_any_more_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[bool], times: int, forgotten: bool
) -> None:
    """While there is something, it is said, and the ledger stays for `heal`."""
    looked: list[str] = []
    monkeypatch.setattr(testbed, "remove_leftovers", looks(found, looked))
    standing = DockerTestbed(a_stack("down"), BOOKING, tmp_path)
    ledger = standing._open_ledger()
    with nullcontext() if forgotten else pytest.raises(Unhealed, match=r"container x\. .*: bin/lab heal"):
        standing.down()
    assert looked == ["down"] * times
    assert (standing._ledger is None) == forgotten
    ledger.close()


def test_while_a_twin_may_still_be_starting_nothing_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testbed, "remove_leftovers", looks([], []))
    monkeypatch.setattr(testbed, "END_TIMEOUT_S", 0.01)
    standing = DockerTestbed(a_stack("down"), BOOKING, tmp_path)
    starting: Future[None] = Future()
    standing._starting.append(starting)
    ledger = standing._open_ledger()
    with pytest.raises(Unhealed, match="still being started"):
        standing.down()
    assert ledger.path.exists()
    starting.set_result(None)
    standing.down()
    assert not ledger.path.exists()


@pytest.mark.parametrize(
    ("passes", "told"),
    [
        ([(["a"], ["b is busy"]), (["b"], [])], Emptied(removed=["a", "b"], stuck=[], coming=[])),
        ([(["a"], ["b is busy"]), ([], ["b is busy"]), ([], ["b hangs"])],
         Emptied(removed=["a"], stuck=["b hangs"], coming=[])),
        ([(["a"], [])] * (PASSES_MAX - 2) + [(["b"], [])],
         Emptied(removed=["a"] * (PASSES_MAX - 2) + ["b"], stuck=[], coming=["b"])),
    ],
    ids=["all removed", "one is stuck", "they come again and again"],
)  # fmt: skip
def test_passes_tell_what_all_removed_what_the_last_could_not_and_what_still_comes(
    passes: list[tuple[list[str], list[str]]], told: Emptied
) -> None:
    turns = iter(passes)
    assert emptied(lambda: next(turns, ([], []))) == told


def test_healing_looks_again_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = looks([EMPTY, SOME], looked := [])
    own = {"record": "own", "kind": CONTAINER, "key": "x", "details": {}}
    run = read(forged_ledger(tmp_path, "r", own))
    monkeypatch.setattr(engine, "unreachable_for", lambda _run: None)
    monkeypatch.setattr(heal, "_ended", lambda run, _things: (look(run.run), []))
    assert heal._end_in_docker(run) == (["removed container x"], [])
    assert len(looked) == 4
