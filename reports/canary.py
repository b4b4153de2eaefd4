"""What the canaries tell: why a twin may have been slow, and whether the twins slowed each other down."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from lab.model import BASELINE, FAULT, WakeUps
from reports.view import RunView, TwinView

LATE_MS = 0.5  # in the median of a second; measured on two cores: 0.1 to 0.2 in S01, 0.7 to 2 in S00 at 180 requests/s
TOGETHER_MAX = 0.2  # of the seconds of the fault


def told(view: RunView) -> Iterator[str]:
    """A sentence for each twin whose canary told anything."""
    for twin in view.twins:
        before, during = (_inside(view, twin, phase) for phase in (BASELINE, FAULT))
        if before and during:
            yield (
                f"A process with the {twin.name} twin's priority, on its cores, was woken late by {_late(before)} "
                f"in the baseline and by {_late(during)} during the fault."
            )


def crossed(view: RunView) -> str:
    """That the twins may have held each other up; "" where nothing points to it."""
    late = [
        {wake.at_s for wake in _inside(view, twin, FAULT) if wake.p50_ms >= LATE_MS} for twin in view.twins
    ]
    seconds = len({wake.at_s for twin in view.twins for wake in _inside(view, twin, FAULT)})
    together = len(set.intersection(*late)) if len(late) > 1 else 0
    if not seconds or together / seconds <= TOGETHER_MAX:
        return ""
    return (
        f"In {together} of {seconds} seconds of the fault the cores of all twins were busy at the same time, so they "
        "may have slowed each other down. To give each the machine to itself, add --alternate."
    )


def _inside(view: RunView, twin: TwinView, phase: str) -> list[WakeUps]:
    start_s, end_s = view.window(phase)
    return [wake for wake in twin.wake_ups if start_s <= wake.at_s < end_s]


def _late(wakes: list[WakeUps]) -> str:
    return f"{median(wake.p50_ms for wake in wakes):.1f} ms (at worst {max(wake.max_ms for wake in wakes):.0f} ms)"
