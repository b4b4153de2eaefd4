"""What a judge may see, as Protocols: read from the run folder, written by hand in tests."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar, TypeVarTuple

from lab.model.events import Event
from lab.model.faults import Fault, FaultWindow
from lab.model.load import Json, Load, Operation
from lab.model.phases import Phases
from lab.model.probes import Sample

T = TypeVar("T")
Given = TypeVarTuple("Given")
Row = Mapping[str, Json]
Tables = Mapping[str, Sequence[Row]]  # all rows of a twin's stores, by table


@dataclass(frozen=True, kw_only=True)
class MetricsReading:
    """One scrape of a replica's own metrics; not `ok` if it did not answer."""

    at_s: float
    ok: bool
    samples: Mapping[str, float]
    member: str = "1"


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """The load generator's report about itself (load.json)."""

    ops: tuple[str, ...]
    planned: int
    recorded: int
    cap_hits: int
    errors: tuple[str, ...]
    oracle: Mapping[str, bool]  # whether it saw wrong answers planted in a right one, by operation
    cpu_share_max: float
    cpu_s: float
    started_at: float
    rss_bytes_start: int
    rss_bytes_end: int
    priority: str


class Evidence(Protocol):
    """One twin's part of a run."""

    @property
    def twin(self) -> str: ...
    @property
    def load(self) -> Load: ...
    @property
    def phases(self) -> Phases: ...
    @property
    def faults(self) -> Sequence[Fault]: ...
    # A numpy structured array, lab.record.REQUEST, sorted by i; times are seconds from T0.
    @property
    def requests(self) -> Any: ...
    @property
    def ops(self) -> tuple[str, ...]: ...  # names for the `op` column of `requests`
    @property
    def history(self) -> Sequence[Operation]: ...
    @property
    def initial(self) -> Tables: ...
    @property
    def final(self) -> Tables: ...
    @property
    def metrics(self) -> Sequence[MetricsReading]: ...
    @property
    def probes(self) -> Sequence[Sample]: ...
    @property
    def events(self) -> Sequence[Event]: ...  # of this twin, in order of time
    @property
    def fault_windows(self) -> Sequence[FaultWindow]: ...
    @property
    def summary(self) -> LoadSummary: ...
    def once(self, derive: Callable[[Evidence, *Given], T], *given: *Given) -> T: ...  # see Derived


class Derived:
    """Keeps what checks derive from the evidence of a twin for as long as the evidence itself is kept.

    Several checks need the same values (which intents there were, what each has left): they are derived once, so that
    judging stays linear in the length of the run.
    """

    @cached_property
    def _derived(self) -> dict[Hashable, Any]:
        return {}

    def once(self: Any, derive: Callable[[Evidence, *Given], T], *given: *Given) -> T:
        """`derive(self, *given)`, computed only the first time."""
        key = (derive, *given)
        if key not in self._derived:
            self._derived[key] = derive(self, *given)
        found: T = self._derived[key]
        return found
