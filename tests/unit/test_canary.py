"""The canary: how late it was woken, what the page says of it, and when twins may have held each other up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.model import FAULT, WakeUps
from loadtests.canary import EVERY_S, wake_ups
from reports import canary
from reports.reading import read
from tests.fabricated.folder import Fabricated, make_run


class Core:
    """A clock whose sleeper is woken on time, but for one second of which somebody else has a part."""

    def __init__(self, taken: tuple[float, float] = (0.0, 0.0)) -> None:
        self.now_s = 100.0
        self._from_s, self._to_s = taken

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self._from_s <= self.now_s < self._to_s:
            self.now_s = self._to_s


def test_on_a_free_core_no_wake_up_is_late() -> None:
    core = Core()
    assert wake_ups(100.0, core.now, core.sleep) == [0.0] * round(1 / EVERY_S)


def test_while_somebody_else_has_the_core_each_wake_up_is_as_late_as_it_comes() -> None:
    core = Core(taken=(100.5, 100.75))
    late_ms = wake_ups(100.0, core.now, core.sleep)
    assert max(late_ms) == pytest.approx(250, abs=20)
    assert sum(late > 0 for late in late_ms) == pytest.approx(0.25 / EVERY_S, abs=1)


@pytest.fixture
def view(tmp_path: Path) -> Any:
    return read(make_run(tmp_path / "run", Fabricated(requests=100))).view


def with_late(view: Any, *late_ms: float, typically: float | None = None) -> Any:
    """The same run, with the canary of each twin so late in each second of the fault: once, or `typically`."""
    start_s, end_s = view.window(FAULT)

    def wakes(late: float) -> list[WakeUps]:
        usual = late if typically is None else typically
        return [WakeUps(at_s=s, p50_ms=usual, max_ms=late) for s in range(int(start_s), int(end_s))]

    twins = [replace(twin, wake_ups=wakes(late)) for twin, late in zip(view.twins, late_ms, strict=True)]
    return replace(view, twins=tuple(twins))


def test_each_twin_has_a_sentence(view: Any) -> None:
    assert [sentence.split()[4] for sentence in canary.told(view)] == [twin.name for twin in view.twins]


def test_a_run_without_canaries_says_nothing_of_them(view: Any) -> None:
    bare = replace(view, twins=tuple(replace(twin, wake_ups=()) for twin in view.twins))
    assert (list(canary.told(bare)), canary.crossed(bare)) == ([], "")


@pytest.mark.parametrize(("late_ms", "crossed"), [((50, 50), True), ((50, 0.1), False), ((0.1, 0.1), False)])
def test_twins_whose_cores_were_busy_at_the_same_time_may_have_held_each_other_up(
    view: Any, late_ms: tuple[float, float], crossed: bool
) -> None:
    assert ("--alternate" in canary.crossed(with_late(view, *late_ms))) is crossed


def test_one_late_wake_up_in_a_second_is_no_busy_core(view: Any) -> None:
    assert canary.crossed(with_late(view, 50, 50, typically=0.1)) == ""
