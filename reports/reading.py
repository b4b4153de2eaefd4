"""From the run folder to what the page and the figures look at. Half a run is read as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.judge import statistics
from lab.model import DATABASE, FAULT, TWINS, Failure, LabError, Load, Outcome, Scenario
from lab.record import REQUEST, RunRecord, TwinRecord
from reports.view import (
    ERROR,
    GOOD,
    LATE,
    REFUSED,
    TIMEOUT,
    UNRECORDED,
    WRONG,
    Asked,
    RunView,
    TwinView,
    Window,
)

# Answers that one probe waits for, each of them delayed: PostgreSQL's to the start-up packet, then to the query.
ANSWERS = {DATABASE: 2}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A run folder as far as it could be read; `view` is None, and `problem` says why, if nothing can be drawn."""

    manifest: Mapping[str, Any]
    view: RunView | None
    problem: str = ""

    @property
    def total_s(self) -> float:
        return float(sum(self.manifest.get("phases", {}).values()))


def read(folder: Path) -> Reading:
    """Read as much as there is. Never raises for what is missing or damaged: the verdict must still be shown."""
    manifest: Mapping[str, Any] = {}
    try:
        record = RunRecord(folder)
        manifest = record.manifest
        return Reading(manifest=manifest, view=_view(record))
    except Exception as exc:  # noqa: BLE001 whatever it is, the page must be written
        return Reading(
            manifest=manifest, view=None, problem=str(exc) if isinstance(exc, LabError) else repr(exc)
        )


def _view(run: RunRecord) -> RunView:
    load = Load(**run.manifest["load"])
    # As much of the scenario as the manifest has: a report needs no catalogue, and no check is made here.
    scenario = Scenario(
        name=run.manifest["scenario"], title="", hypothesis="", question="", mirrors="", load=load
    )
    return RunView(
        twins=tuple(_twin(run.twin(name, scenario)) for name in in_order(run.manifest["twins"])),
        phases=run.phases,
        good_within_ms=load.good_within_ms,
        client_timeout_ms=1000 * load.client_timeout_s,
        faults=tuple(run.manifest["faults"]),
    )


def in_order(twins: Iterable[str]) -> list[str]:
    """As everybody tells them: naive, hardened, then others by name (the manifest is sorted by name)."""
    return sorted(twins, key=lambda name: (TWINS.index(name) if name in TWINS else len(TWINS), name))


def _twin(record: TwinRecord) -> TwinView:
    zero = record.phases.window(FAULT)[0]
    requests = _if_there(lambda: record.requests, np.zeros(0, REQUEST))
    missing_at_s = _missing(record, requests)
    at_s = np.concatenate([requests["intended"], missing_at_s]) - zero
    kinds = _kinds(requests, record.scenario.load.good_within_ms)
    return TwinView(
        name=record.twin,
        at_s=np.round(at_s, 6),  # an instant on the edge of a bin lies there exactly
        latency_ms=np.concatenate([statistics.latency_ms(requests), np.full(missing_at_s.size, np.inf)]),
        kind=np.concatenate([kinds, np.full(missing_at_s.size, UNRECORDED, np.uint8)]),
        planned=record.planned,
        windows=tuple(_windows(record.events, zero)),
        asked=tuple(_asked(record.events, zero)),
        probes=[
            replace(probe, start_s=probe.start_s - zero) for probe in _if_there(lambda: record.probes, ())
        ],
    )


def _if_there(part: Callable[[], Any], otherwise: Any) -> Any:
    """A part of the record, or `otherwise` where an aborted run has none."""
    try:
        return part()
    except LabError:
        return otherwise


def _missing(record: TwinRecord, requests: Any) -> NDArray[np.float64]:
    """When those requests were planned of which nothing was recorded."""
    numbers = (
        np.setdiff1d(np.arange(record.planned), requests["i"]) if requests.size != record.planned else ()
    )
    arrivals = _if_there(lambda: record.run.arrivals(numbers), {}) if len(numbers) else {}
    return np.array([arrival["at_s"] for arrival in arrivals.values()], dtype=np.float64)


def _kinds(requests: Any, within_ms: float) -> NDArray[np.uint8]:
    """The kind of every request; the first that fits counts."""
    late_end = np.isin(requests["failure"], (Failure.TIMEOUT, Failure.CONNECT_TIMEOUT))
    kinds = {
        WRONG: statistics.is_wrong(requests),
        GOOD: statistics.is_good(requests, within_ms),
        LATE: statistics.is_right(requests),
        REFUSED: requests["outcome"] == Outcome.REFUSED,
        TIMEOUT: late_end,
    }
    return np.select(list(kinds.values()), list(kinds), ERROR).astype(np.uint8)


def _windows(events: Sequence[Mapping[str, Any]], zero: float) -> Iterator[Window]:
    """When any fault was surely on: from the answer to its injection until its healing was asked for."""
    since: dict[int, float] = {}
    for event in events:
        if event["event"] == "inject":
            since[event["fault"]] = event["after_s"] - zero
        elif event["event"] == "heal" and event["fault"] in since:
            yield since.pop(event["fault"]), event["before_s"] - zero


def _asked(events: Sequence[Mapping[str, Any]], zero: float) -> Iterator[Asked]:
    """When latency and nothing else was asked for on a link: from one switch of a fault on it to the next."""
    switches = [event for event in events if event["event"] in ("inject", "heal")]
    for link in dict.fromkeys(event["link"] for event in switches):
        mine = [event for event in switches if event["link"] == link]
        for event, following in pairwise(mine):
            toxics = event["asked"]["toxics"]
            if event["asked"]["enabled"] and toxics and all(toxic["type"] == "latency" for toxic in toxics):
                window = (event["after_s"] - zero, following["before_s"] - zero)
                yield _delay(link, window, sum(toxic["attributes"]["latency"] for toxic in toxics))


def _delay(link: str, window: Window, each_ms: float) -> Asked:
    answers = ANSWERS.get(link, 1)
    words = f"{answers} × {each_ms:g} ms" if answers > 1 else f"{each_ms:g} ms"
    return Asked(link=link, window=window, delay_ms=float(answers * each_ms), words=words)
