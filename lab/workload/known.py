"""The workloads that this lab knows, by name."""

from __future__ import annotations

from collections.abc import Mapping

from lab.model import LabError
from lab.workload import Workload
from lab.workload.booking import BOOKING

WORKLOADS: Mapping[str, Workload] = {BOOKING.name: BOOKING}


def find(name: str) -> Workload:
    """The workload called `name`. Raises LabError if there is none."""
    if name not in WORKLOADS:
        raise LabError(f"There is no workload called {name!r}. Choose one of {', '.join(WORKLOADS)}.")
    return WORKLOADS[name]
