"""Taking a stack down: the engine may still finish what a Compose asked for that was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.runtime.containers import testbed
from lab.runtime.containers.testbed import DockerTestbed
from lab.runtime.ownership.engine import PASSES_MAX
from lab.workload.booking import BOOKING
from tests.standing import a_stack


@pytest.mark.parametrize(
    ("late", "looks", "forgotten"),
    [(0, 1, True), (2, 3, True), (PASSES_MAX - 1, PASSES_MAX, True), (99, PASSES_MAX, False)],
)
def test_down_looks_until_nothing_is_left_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int, looks: int, forgotten: bool
) -> None:
    """`late`: at so many looks there is something again. While there is, the ledger stays for `heal`."""
    found = [["removed container x"]] * late
    looked: list[str] = []

    def look(run: str) -> list[str]:
        looked.append(run)
        return found.pop() if found else []

    monkeypatch.setattr(testbed, "remove_leftovers", look)
    standing = DockerTestbed(a_stack("down"), BOOKING, tmp_path)
    ledger = standing._open_ledger()
    standing.down()
    assert looked == ["down"] * looks
    assert (standing._ledger is None) == forgotten
    ledger.close()
