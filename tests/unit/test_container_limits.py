"""An engine that refuses a limit is asked again: a container that has just died is not known to have ended yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.model import LabError
from lab.runtime.containers import limits

JUST_DIED = "Docker: 500 Server Error (Cannot update container 9e56: cannot update a {} process: unknown)"
NO_ENGINE = "Docker: connection refused. Is the engine still running? See: docker info"

CHANGES: list[Callable[[Any], None]] = [
    lambda container: limits.limit_cpus(container, 1),
    lambda container: limits.limit_memory(container, 1, 1, container),
]


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine answers first; when this is empty, it agrees."""
    left: list[str] = []

    def update(*_: Any, **__: int) -> None:
        if left:
            raise LabError(left.pop(0))

    monkeypatch.setattr(limits, "_update", update)
    monkeypatch.setattr(limits, "_squeeze", lambda *_: None)
    return left


@pytest.mark.parametrize("change", CHANGES)
def test_a_refusal_by_the_kernel_or_the_runtime_may_pass(
    change: Callable[[Any], None], refusals: list[str]
) -> None:
    refusals += [JUST_DIED.format("deleted"), JUST_DIED.format("stopped")]

    change(None)

    assert not refusals


@pytest.mark.parametrize("change", CHANGES)
def test_other_errors_are_told_at_once(change: Callable[[Any], None], refusals: list[str]) -> None:
    refusals += [NO_ENGINE, NO_ENGINE]

    with pytest.raises(LabError, match="connection refused"):
        change(None)

    assert refusals == [NO_ENGINE]


@pytest.mark.parametrize("change", CHANGES)
def test_a_refusal_that_stays_is_told_in_the_end(
    change: Callable[[Any], None], refusals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPDATE_TIMEOUT_S", 0.1)
    refusals += [JUST_DIED.format("deleted")] * 1_000_000

    with pytest.raises(LabError, match="deleted process"):
        change(None)
