"""The descendants of a process where the kernel does not list its children: one look at all processes tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from lab.runtime.ownership import trees

PARENTS = {1: 0, 2: 1, 3: 1, 4: 2, 5: 4, 8: 0, 9: 8}
ENDED = 3


@dataclass(frozen=True)
class Process:
    pid: int

    def ppid(self) -> int:
        if self.pid == ENDED:
            raise psutil.NoSuchProcess(self.pid)
        return PARENTS[self.pid]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes there were, for each look at all of them."""
    seen: list[int] = []

    def all_of_them() -> Iterator[Process]:
        seen.append(len(PARENTS))
        return map(Process, PARENTS)

    monkeypatch.setattr(trees, "CHILDREN_KNOWN", False)
    monkeypatch.setattr(trees, "_letter", lambda _pid: "S")
    monkeypatch.setattr(psutil, "process_iter", all_of_them)
    return seen


def test_all_descendants_are_found_parents_first_in_one_look(looks: list[int]) -> None:
    assert trees.tree(1) == [1, 2, 4, 5]
    assert looks == [len(PARENTS)]


def test_each_has_its_parent(looks: list[int]) -> None:
    assert trees.family(2) == {2: 0, 4: 2, 5: 4}
    assert looks == [len(PARENTS)]
