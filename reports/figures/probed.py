"""What the panels of all probed targets share: a row of the figure, and its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.axes import Axes

from lab.model import Sample
from reports.view import RunView, TwinView

S = TypeVar("S", bound=Sample)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the figure, with a panel for each twin."""

    label: str
    height_in: float
    draw: Callable[[Axes, TwinView], object]


def targets(run: RunView) -> tuple[str, ...]:
    """Everything that was probed, in the order of the first probes."""
    return tuple(dict.fromkeys(sample.target for twin in run.twins for sample in twin.probes))


def samples_of(run: RunView, target: str) -> Iterator[Sample]:
    return (sample for twin in run.twins for sample in twin.probes if sample.target == target)


def of_kind(samples: Iterable[Sample], target: str, kind: type[S]) -> list[S]:
    """The samples of `target` of type `kind`."""
    return [sample for sample in samples if sample.target == target and isinstance(sample, kind)]


def during(twin: TwinView, sample: Sample) -> bool:
    """Whether a fault was on when `sample` began."""
    return any(start <= sample.start_s < end for start, end in twin.windows)


def name_of(target: str) -> str:
    """link/database → database"""
    return target.partition("/")[2]
