"""What `--set` changes: parameters of a scenario, by names like fault.latency_ms, load.rate_rps or limits.service.cpus.

"fault.…" goes to every fault that has the parameter, "fault1.…" to the first fault only, and "limits.service.…" to
a part of the twins. Every error is a LabError that begins with the setting.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from lab.model import SERVICE, Fault, LabError, Limits, Load, Phases, Scenario, Topology, Unfit

T = TypeVar("T", Load, Phases, Fault, Limits)
WORDS = {int: "a whole number", float: "a number", str: "a word"}
PLACES = ("link", "part", "member")  # what a fault acts on: at another place it would be another scenario


def applied(setting: str, scenario: Scenario, phases: Phases) -> tuple[Scenario, Phases]:
    """Both, as `setting` changes them. Raises LabError, with the valid names, if a name or a value does not fit."""
    target, name, text = _parse(setting)
    if target == "load":
        return replace(scenario, load=_changed(scenario.load, name, text, setting)), phases
    if target == "phases":
        return scenario, _changed(phases, name, text, setting)
    if target == "limits":
        return replace(scenario, topology=_limited(scenario.topology, name, text, setting)), phases
    return _with_fault(scenario, target, name, text, setting), phases


@contextmanager
def blaming(settings: Iterable[str], scenario: Scenario, fault: int) -> Iterator[None]:
    """Tells an Unfit of that fault, raised inside the block, with those of `settings` that it is about."""
    try:
        yield
    except Unfit as error:
        guilty = [each for each in settings if _reaches(each, scenario, fault, error.parameters)]
        if not guilty:
            raise
        said = str(error).removeprefix(f"{scenario.faults[fault].kind}: ")
        raise LabError(f"--set {' --set '.join(guilty)}: {said}") from error


def _reaches(setting: str, scenario: Scenario, fault: int, parameters: Collection[str]) -> bool:
    """Whether `setting`, which was applied, is one of these parameters of that fault."""
    target, name, _ = _parse(setting)
    return target.startswith("fault") and name in parameters and fault in _chosen(scenario, target, setting)


def _parse(setting: str) -> tuple[str, str, str]:
    path, equals, text = setting.partition("=")
    target, dot, name = path.partition(".")
    known = target in ("load", "phases", "limits") or target.startswith("fault")
    if not (equals and dot and text and known):
        raise LabError(
            f"--set {setting} is not understood. "
            "Write it like fault.latency_ms=200, load.rate_rps=80, phases.fault_s=20 or limits.service.cpus=0.5."
        )
    return target, name, text


def _limited(topology: Topology, name: str, text: str, setting: str) -> Topology:
    """`name` is the part and its limit: service.cpus."""
    part, _, limit = name.partition(".")
    if part not in (there := (SERVICE, *topology.parts)):
        raise LabError(f"--set {setting}: these twins have no part {part!r}; they have {', '.join(there)}.")
    limits = _changed(topology.limits.get(part, Limits()), limit, text, setting)
    return replace(topology, limits={**topology.limits, part: limits})


def _with_fault(scenario: Scenario, target: str, name: str, text: str, setting: str) -> Scenario:
    chosen = _chosen(scenario, target, setting)
    taking = [n for n in chosen if name in _settable(scenario.faults[n])]
    if not taking:
        there = sorted({known for n in chosen for known in _settable(scenario.faults[n])})
        known = f"have no {name!r}; they have {', '.join(there)}" if there else "have nothing to set"
        raise LabError(f"--set {setting}: the faults of {scenario.name} {known}.")
    faults = [
        _changed(fault, name, text, setting) if n in taking else fault
        for n, fault in enumerate(scenario.faults)
    ]
    return replace(scenario, faults=tuple(faults))


def _chosen(scenario: Scenario, target: str, setting: str) -> list[int]:
    number = target.removeprefix("fault")
    if not number and scenario.faults:
        return list(range(len(scenario.faults)))
    if number.isdecimal() and 1 <= int(number) <= len(scenario.faults):
        return [int(number) - 1]
    raise LabError(
        f"--set {setting}: there is no {target}; {scenario.name} has {len(scenario.faults)} fault(s). "
        f"See: bin/lab show {scenario.name}"
    )


def _settable(value: Any) -> dict[str, type]:
    """The fields of a frozen value that a number or a word may set, with their types."""
    takes = {name: _taken(hint) for name, hint in get_type_hints(type(value)).items()}
    names = [member.name for member in fields(value) if member.name not in PLACES]
    return {name: takes[name] for name in names if takes[name] in WORDS}


def _taken(hint: Any) -> Any:
    """The type of a field; if it may be None, its other type."""
    others = [one for one in get_args(hint) if one is not NoneType]
    return others[0] if len(others) == 1 and NoneType in get_args(hint) else hint


def _changed(value: T, name: str, text: str, setting: str) -> T:
    known = _settable(value)
    if name not in known:
        raise LabError(f"--set {setting}: there is no {name!r}; choose one of {', '.join(sorted(known))}.")
    try:
        new = known[name](text)
    except ValueError:
        raise LabError(f"--set {setting}: {name} takes {WORDS[known[name]]}, not {text!r}.") from None
    if isinstance(new, float | int) and not 0 <= new < math.inf:
        raise LabError(f"--set {setting}: {name} must be a number of 0 or more.")
    try:
        return replace(value, **{name: new})
    except LabError as error:
        raise LabError(f"--set {setting}: {error}") from error
