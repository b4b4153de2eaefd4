"""What the containers of a run have used: no CPU second is counted twice, also when one of them ends."""

from __future__ import annotations

import pytest

from lab.runtime.containers import servers
from lab.runtime.containers.servers import Spending

SHIM, DAEMON = 7, 8


@pytest.fixture
def used_s(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """CPU seconds of the engine's processes so far, to be changed by the test."""
    used: dict[int, float] = {SHIM: 0.1, DAEMON: 1.0}
    names = {SHIM: "containerd-shim", DAEMON: "dockerd"}
    monkeypatch.setattr(servers, "_engine", lambda: [(pid, names[pid]) for pid in used])
    monkeypatch.setattr(servers, "cpu_s", lambda pids: sum(used[pid] for pid in pids))
    return used


def test_what_the_engine_uses_for_the_containers_counts(used_s: dict[int, float]) -> None:
    spending = Spending()
    before_s = spending.total_s([])
    used_s |= {SHIM: 0.15, DAEMON: 1.4}
    assert spending.total_s([]) - before_s == pytest.approx(0.45)


def test_a_container_that_ends_does_not_count_again_among_the_children_of_its_shim(
    used_s: dict[int, float],
) -> None:
    """Else foreign CPU would shrink by as much, and hide what is really foreign."""
    spending = Spending()
    before_s = spending.total_s([])
    used_s[SHIM] += 4.0
    assert spending.total_s([]) == before_s
    used_s[SHIM] += 0.1
    assert spending.total_s([]) - before_s == pytest.approx(0.1)


def test_what_has_ended_keeps_what_it_had_used(used_s: dict[int, float]) -> None:
    spending = Spending()
    before_s = spending.total_s([])
    del used_s[SHIM]
    assert spending.total_s([]) == before_s
