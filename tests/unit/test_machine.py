"""Whose CPU time it was: the lab's own processes, also those that are gone, are not foreign."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.model import MachineSample
from lab.runtime import machine

Reading = tuple[
    dict[int, int], float, float
]  # our processes with their parents, their CPU seconds, all CPU seconds


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system that reports its counters, which a test may replace."""
    (tmp_path / "stat").touch()
    monkeypatch.setattr(machine, "PROC", tmp_path)
    return tmp_path


def samples(monkeypatch: pytest.MonkeyPatch, *readings: Reading) -> Iterator[MachineSample]:
    """What `Counters` makes of these readings, a second apart."""
    left, counters = list(enumerate(readings)), machine.Counters()

    def look(ours_s: float) -> MachineSample:
        number, (_family, _ours, busy_s) = left.pop(0)
        return MachineSample(at_s=number, cores=2, busy_s=busy_s, ours_s=ours_s, swapped_bytes=0, oom_kills=0)

    monkeypatch.setattr(machine, "family", lambda _root: left[0][1][0])
    monkeypatch.setattr(machine, "cpu_s", lambda _pids: left[0][1][1])
    monkeypatch.setattr(machine, "_look", look)
    while left:
        sample = counters.look()
        assert sample is not None
        yield sample


TREE = {1: 0, 2: 1, 3: 2}
FOREIGN = [
    # A server was killed with its worker, whose 0.8 s nobody told; the next one has already used 1 s.
    ("a tree that was killed", (TREE, 10.0, 20.0), ({1: 0, 4: 1}, 10.2, 21.0), 0.0),
    ("the same, more lost than used", (TREE, 10.0, 20.0), ({1: 0, 4: 1}, 9.5, 21.0), 0.0),
    ("a worker that was waited for", (TREE, 10.0, 20.0), ({1: 0, 2: 1}, 10.2, 21.0), 0.8),
    ("nobody has gone", (TREE, 10.0, 20.0), (TREE, 10.2, 21.0), 0.8),
]


@pytest.mark.parametrize(
    ("before", "after", "foreign_s"), [case[1:] for case in FOREIGN], ids=[case[0] for case in FOREIGN]
)
def test_what_a_killed_tree_had_used_is_not_foreign(
    monkeypatch: pytest.MonkeyPatch, before: Reading, after: Reading, foreign_s: float
) -> None:
    first, second = samples(monkeypatch, before, after)
    foreign = (second.busy_s - first.busy_s) - (second.ours_s - first.ours_s)
    assert foreign == pytest.approx(foreign_s)


def test_what_was_lost_once_stays_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = {1: 0, 4: 1}
    _, second, third = samples(monkeypatch, (TREE, 10.0, 20.0), (fresh, 10.2, 21.0), (fresh, 10.9, 22.0))
    assert third.ours_s - second.ours_s == pytest.approx(0.7)


def test_our_counters_are_read_before_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate *foreign CPU* relies on it."""
    read: list[str] = []

    def ours(_pids: object) -> float:
        read.append("ours")
        return 0.0

    def all_of_it(_ours_s: float) -> None:
        read.append("all")

    monkeypatch.setattr(machine, "cpu_s", ours)
    monkeypatch.setattr(machine, "_look", all_of_it)
    machine.Counters().look()
    assert read == ["ours", "all"]


def test_where_the_system_reports_nothing_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch, kernel: Path
) -> None:
    """On macOS, a look at a whole family is a look at all processes."""

    def worked(_root: int) -> dict[int, int]:
        pytest.fail("it looked at its family")

    monkeypatch.setattr(machine, "family", worked)
    (kernel / "stat").unlink()
    assert machine.Counters().look() is None


def test_what_the_host_took_is_read_apart_from_the_rest(
    monkeypatch: pytest.MonkeyPatch, kernel: Path
) -> None:
    (kernel / "stat").write_text(
        "cpu 0 0 0 0 0 0 0 0\ncpu0 1 2 3 400 50 6 7 80 0 0\ncpu1 0 0 0 500 0 0 0 20 0 0\n"
    )
    (kernel / "vmstat").write_text("pswpin 0\n")
    monkeypatch.setattr(machine, "available", lambda: [0, 1])
    sample = machine.Counters().look()
    assert sample is not None
    assert sample.stolen_s == pytest.approx(1.0)
    assert 2 * sample.at_s - sample.busy_s == pytest.approx(9.5)
