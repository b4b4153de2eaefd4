"""Faults: what is injected, where and when, and how the lab's own probes prove that it came and went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from lab.model.probes import Probe, Proof, Seen
from lab.model.targets import Action, Capability, State, Target


@dataclass(frozen=True, kw_only=True)
class Burst:
    """A seeded on/off schedule: random times from half to one and a half times these means."""

    on_s: float
    off_s: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is injected. Subclasses are in lab/faults, one per file, and add their parameters with units.

    `during` is the part of the fault phase in which it acts, as fractions.
    """

    kind: ClassVar[str]
    needs: ClassVar[Capability]
    # Of two faults on one target, probes show only the one with the higher value.
    masking: ClassVar[int] = 0
    during: tuple[float, float] = (0.0, 1.0)

    def target(self) -> Target:
        """What it acts on. Raises LabError on a parameter out of range."""
        raise NotImplementedError

    def describe(self) -> str:
        """One short line for people, with units."""
        raise NotImplementedError

    def probes(self) -> tuple[Probe, ...]:
        """The probes that show this fault."""
        return (Probe(target=self.target()),)

    def observed(self, before: Seen, during: Seen) -> Proof:
        """Whether `during` shows this fault, compared with `before`."""
        raise NotImplementedError

    def healed(self, before: Seen, during: Seen, after: Seen) -> Proof:
        """Whether `after` shows the target as it was before."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class StateFault(Fault):
    """A fault that lasts: its target is in `state()` while it is on. With `burst` it goes on and off."""

    burst: Burst | None = None

    def state(self) -> State:
        """The state of its target while the fault is on. Raises LabError on a parameter out of range."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ActionFault(Fault):
    """A fault that happens `times` times, evenly spread over `during`, the first time at its start.

    Whatever it leaves broken (`leaves_damage`) is healed at the end of `during`, like a lasting fault.
    """

    leaves_damage: ClassVar[bool] = False
    times: int = 1

    def action(self) -> Action:
        """What happens. Raises LabError on a parameter out of range."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Switch:
    """At `at_s` from T0, fault number `fault` of the scenario goes on or off."""

    at_s: float
    fault: int
    on: bool


@dataclass(frozen=True, kw_only=True)
class Shot:
    """At `at_s` from T0, the action of fault number `fault` happens."""

    at_s: float
    fault: int


@dataclass(frozen=True, kw_only=True)
class FaultWindow:
    """Fault number `fault` was certainly on from `on_s` to `off_s`, seconds from T0."""

    fault: int
    on_s: float
    off_s: float


def in_words(faults: Sequence[Fault]) -> str:
    """All of `faults` in one line: those that follow each other in order, and those that overlap; "" for none."""
    ordered = sorted(faults, key=lambda fault: fault.during)
    text = ordered[0].describe() if ordered else ""
    for earlier, later in pairwise(ordered):
        text += (", then " if later.during[0] >= earlier.during[1] else " and ") + later.describe()
    return text
