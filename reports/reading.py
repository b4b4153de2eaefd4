"""From the run folder to what the page and the figures show. An incomplete run is read as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lab.judge import statistics
from lab.model import (
    FAULT,
    ROUND_TRIPS,
    Ending,
    Event,
    LabError,
    LinkState,
    Sample,
    Switched,
    WakeUps,
    Window,
)
from lab.record import REQUEST, Isolation, Manifest, RunRecord, TwinRecord
from reports.view import (
    Asked,
    RunView,
    TwinView,
)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A run folder as far as it could be read. If nothing can be drawn, `view` is None and `problem` says why."""

    manifest: Manifest
    view: RunView | None
    problem: str = ""


def read(folder: Path) -> Reading:
    """Read as much as there is: the verdict can be shown even if everything but the manifest is missing.

    Raises LabError if the manifest itself cannot be read.
    """
    record = RunRecord(folder)
    try:
        return Reading(manifest=record.manifest, view=_view(record))
    except Exception as exc:  # noqa: BLE001 whatever it is, the page must be written
        problem = str(exc) if isinstance(exc, LabError) else repr(exc)
        return Reading(manifest=record.manifest, view=None, problem=problem)


def _view(run: RunRecord) -> RunView:
    manifest = run.manifest
    load = manifest.scenario.load
    return RunView(
        twins=tuple(_twin(place, twin) for place, twin in enumerate(run.twins)),
        phases=manifest.phases,
        good_within_ms=load.good_within_ms,
        client_timeout_ms=1000 * load.client_timeout_s,
        faults=manifest.scenario.faults,
        comparable=manifest.isolation is not Isolation.SHARED,
    )


def _twin(place: int, record: TwinRecord) -> TwinView:
    zero = record.phases.window(FAULT)[0]
    all_of_them = _if_there(lambda: record.requests, np.zeros(0, REQUEST))
    requests = _if_there(lambda: statistics.of_ops(all_of_them, record.ops), all_of_them)
    missing_at_s = _missing(record)
    at_s = np.concatenate([requests["intended"], missing_at_s]) - zero
    kinds = statistics.endings(requests, record.load.good_within_ms)
    return TwinView(
        name=record.twin,
        place=place,
        at_s=np.round(at_s, 6),  # so that an instant on the edge of a bin is exactly there
        latency_ms=np.concatenate([statistics.latency_ms(requests), np.full(missing_at_s.size, np.inf)]),
        kind=np.concatenate([kinds, np.full(missing_at_s.size, Ending.UNRECORDED, np.uint8)]),
        planned=requests.size + missing_at_s.size,
        windows=tuple((window.on_s - zero, window.off_s - zero) for window in record.fault_windows),
        asked=tuple(_asked(record.events, zero)),
        probes=[replace(sample, start_s=sample.start_s - zero) for sample in _probes(record)],
        wake_ups=[replace(wake, at_s=wake.at_s - zero) for wake in _wake_ups(record)],
    )


def _probes(record: TwinRecord) -> Sequence[Sample]:
    return _if_there(lambda: record.probes, [])


def _wake_ups(record: TwinRecord) -> Sequence[WakeUps]:
    return _if_there(lambda: record.wake_ups, [])


def _if_there(part: Callable[[], T], otherwise: T) -> T:
    """A part of the record, or `otherwise` if an aborted run has none."""
    try:
        return part()
    except LabError:
        return otherwise


def _missing(record: TwinRecord) -> NDArray[np.float64]:
    """When the requests without a record were due."""
    recorded = _if_there(lambda: record.recorded, np.zeros(0, REQUEST))
    if recorded.size == record.planned:
        return np.zeros(0)
    numbers = np.setdiff1d(np.arange(record.planned), recorded["i"])
    due_s: NDArray[np.float64] = _if_there(lambda: record.run.schedule.due["at_s"], np.zeros(0))
    return due_s[numbers[numbers < due_s.size]]


def _asked(events: Sequence[Event], zero: float) -> Iterator[Asked]:
    """When a link was asked for latency and nothing else: from one switch of a fault on it to the next."""
    switches = [event for event in events if isinstance(event, Switched)]
    for target in dict.fromkeys(event.target for event in switches):
        mine = [event for event in switches if event.target == target]
        for event, following in pairwise(mine):
            if (each_ms := _latency_ms(event.asked)) is not None:
                window = (event.after_s - zero, following.before_s - zero)
                yield _delay(target, window, each_ms)


def _latency_ms(state: object) -> int | None:
    """The delay requested on a link; None if something else was requested as well."""
    if not isinstance(state, LinkState) or not state.enabled or not state.toxics:
        return None
    if any(toxic.type != "latency" for toxic in state.toxics):
        return None
    return sum(toxic.attributes["latency"] for toxic in state.toxics)


def _delay(target: str, window: Window, each_ms: int) -> Asked:
    trips = ROUND_TRIPS.get(target.removeprefix("link/"), 1)
    words = f"{trips} round trips × {each_ms} ms" if trips > 1 else f"{each_ms} ms"
    return Asked(target=target, window=window, delay_ms=float(trips * each_ms), words=words)
