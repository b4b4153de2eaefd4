"""Breaks and watches the parts of a twin, built from what a runtime can do to one member of a part.

Faults are added up before they come here: an actuator gets the whole state that its members must be in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from lab.model import (
    ALL,
    Action,
    KillMembers,
    Kind,
    LabError,
    PartSample,
    PartState,
    State,
    Target,
    Undo,
    a_part,
)
from lab.runtime.ownership.ledger import Ledger

T = TypeVar("T")
HEALTHY = PartState()
Tell = Callable[[str, str, str], None]  # part, member and why it was restarted


class Control(Protocol):
    """One member of a part in one runtime. From any thread."""

    @property
    def name(self) -> str:
        """The member's: "1", "2" …"""
        ...

    def bring(self, state: PartState) -> None:
        """Put it into `state`. A dead one is started if it was stopped on purpose, or if all must be healthy."""
        ...

    def state(self) -> PartState:
        """The state that the lab has put it into.

        One that was ended by a kill or by its own limit counts as running: no state asked for it to be dead.
        """
        ...

    def kill(self) -> bool:
        """SIGKILL to all its processes; whether there were any."""
        ...

    def look(self) -> PartSample: ...

    def undo(self) -> Sequence[Undo]: ...


class PartActuator:
    """`lab.ports.Actuator` of a part, or of one member of it."""

    healthy: State = HEALTHY

    def __init__(self, controls: Sequence[Control]) -> None:
        self._controls = controls
        self._asked = HEALTHY

    def set(self, state: State) -> State:
        if not isinstance(state, PartState):
            raise TypeError(f"a part cannot be in {state}")
        self._asked = state
        _at_once(lambda control: control.bring(state), self._controls)
        return self.get()

    def get(self) -> State:
        """The state of all members; if they differ, the first that is not as requested."""
        found = _at_once(lambda control: control.state(), self._controls)
        return next((state for state in found if state != self._asked), self._asked)

    def undo(self) -> Sequence[Undo]:
        return [undo for control in self._controls for undo in control.undo()]


class PartPerformer:
    """`lab.ports.Performer` of a part, or of one member of it."""

    def __init__(self, controls: Sequence[Control]) -> None:
        self._controls = controls

    def perform(self, action: Action) -> int:
        if not isinstance(action, KillMembers):
            raise LabError(f"{type(action).__name__} cannot be done to a part.")
        return sum(_at_once(lambda control: control.kill(), self._controls))


class WatchedPart:
    """`lab.ports.Watched` of a part."""

    def __init__(self, controls: Sequence[Control]) -> None:
        self._controls = controls

    def look(self) -> Sequence[PartSample]:
        return [control.look() for control in self._controls]


class Parts:
    """The parts of one twin as the lab breaks and watches them.

    `controls` returns the members of a part, and is called once for each. Before anything can be broken, the ledger
    says how to undo it.
    """

    def __init__(self, controls: Callable[[str], Sequence[Control]], ledger: Ledger) -> None:
        self._controls = controls
        self._ledger = ledger
        self._known: dict[str, Sequence[Control]] = {}
        self._breakable: set[str] = set()

    def actuator(self, target: Target) -> PartActuator:
        return PartActuator(self._to_break(target))

    def performer(self, target: Target) -> PartPerformer:
        return PartPerformer(self._to_break(target))

    def watched(self, target: Target) -> WatchedPart:
        return WatchedPart(self._members(target))

    def make_healable(self, parts: Iterable[str]) -> None:
        """Write to the ledger how to start each of `parts` again, whatever ends it."""
        for part in parts:
            self._to_break(a_part(part))

    def _to_break(self, target: Target) -> Sequence[Control]:
        mine = self._members(target)
        for control in mine:
            if (key := f"{target.name}/{control.name}") not in self._breakable:
                for undo in control.undo():
                    self._ledger.undo(undo)
                self._breakable.add(key)
        return mine

    def _members(self, target: Target) -> Sequence[Control]:
        """The members that `target` means. Raises LabError if there are none."""
        if target.kind is Kind.PART and target.name not in self._known:
            self._known[target.name] = self._controls(target.name)
        mine = [one for one in self._known.get(target.name, ()) if target.member in (ALL, one.name)]
        if not mine:
            raise LabError(f"This twin has no {target}.")
        return mine


def _at_once(do: Callable[[Control], T], controls: Iterable[Control]) -> list[T]:
    """`do` to all in parallel: they must be hit at the same instant."""
    everyone = list(controls)
    if len(everyone) == 1:
        return [do(everyone[0])]
    with ThreadPoolExecutor(len(everyone), "member") as threads:
        return list(threads.map(do, everyone))
