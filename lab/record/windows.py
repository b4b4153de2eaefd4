"""When each fault was certainly on: the only place that works it out from the events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lab.model import FAULT, Event, Fault, FaultWindow, Kind, Performed, Phases, Switch, Switched


def fault_windows(
    faults: Sequence[Fault], events: Sequence[Event], switches: Sequence[Switch], phases: Phases
) -> Sequence[FaultWindow]:
    """The windows in the order in which they began; `events` are those of one twin."""
    found: list[FaultWindow] = []
    for number, fault in enumerate(faults):
        if fault.target().kind is Kind.LOAD:
            found += _planned(number, switches)
        else:
            found += _switched(number, events)
            found += _performed(number, events, phases)
    return sorted(found, key=lambda window: window.on_s)


def _switched(number: int, events: Sequence[Event]) -> Iterator[FaultWindow]:
    """The window from the answer to the injection until the healing was requested."""
    mine = [event for event in events if isinstance(event, Switched) and event.fault == number]
    for on, off in pairwise(mine):
        if on.on and not off.on:
            yield FaultWindow(fault=number, on_s=on.after_s, off_s=off.before_s)


def _performed(number: int, events: Sequence[Event], phases: Phases) -> Iterator[FaultWindow]:
    """The window from when it happened until the healing was requested, or to the end of the phase: how long its effect
    shows depends on the twin.
    """
    healings = [event.before_s for event in events if isinstance(event, Switched) and event.fault == number]
    off_s = min((phases.window(FAULT)[1], *healings))
    for event in events:
        if isinstance(event, Performed) and event.fault == number:
            yield FaultWindow(fault=number, on_s=event.after_s, off_s=off_s)


def _planned(number: int, switches: Sequence[Switch]) -> Iterator[FaultWindow]:
    """A change of the load is in the schedule, so it is on exactly when planned."""
    for on, off in pairwise(switch for switch in switches if switch.fault == number):
        if on.on and not off.on:
            yield FaultWindow(fault=number, on_s=on.at_s, off_s=off.at_s)
