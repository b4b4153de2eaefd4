"""Finds scenarios by name, and changes their parameters as `--set` asks.

Any module below scenarios/ that defines SCENARIO is a scenario. There is no list to keep.
"""

from __future__ import annotations

import difflib
import importlib
import math
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from types import ModuleType, NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import scenarios
from lab.model import (
    ALL,
    ARRIVALS,
    SERVICE,
    STORE,
    ActionFault,
    Fault,
    Kind,
    LabError,
    Limits,
    Load,
    Phases,
    Scenario,
    StateFault,
    Topology,
    a_link,
    a_part,
)

T = TypeVar("T", Load, Phases, Fault, Limits)
# Anything longer is a typo, and would keep the machine busy for as long as it says.
PHASES_MAX_S = 24 * 3600
CLIENT_TIMEOUT_MAX_S = 600
PROBED_S = 2.0  # the probes need this long to show anything
WORDS = {int: "a whole number", float: "a number", str: "a word"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A scenario with its place in the catalogue and the story in its module's docstring."""

    scenario: Scenario
    module: str  # "a_slow" … or "" for the control
    story: str


@cache
def entries() -> Mapping[str, Entry]:
    """Every scenario by name, sorted by name."""
    found = [_entry(module) for module in _modules(scenarios) if hasattr(module, "SCENARIO")]
    return {entry.scenario.name: entry for entry in sorted(found, key=lambda entry: entry.scenario.name)}


def find(name: str) -> Entry:
    """The scenario called `name`, or the only one that starts with it. Raises LabError with similar names."""
    everything = entries()
    word = [known for known in everything if known == name or known.startswith(name + "-")]
    fits = word if len(word) == 1 else [known for known in everything if name and known.startswith(name)]
    if len(fits) == 1:
        return everything[fits[0]]
    if fits:
        raise LabError(f"{name} matches {', '.join(fits)}. Name one of them.")
    near = difflib.get_close_matches(name, everything, n=2, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See: bin/lab list"
    raise LabError(f"There is no scenario called {name!r}. {hint}")


def configure(scenario: Scenario, quick: bool, settings: Iterable[str]) -> tuple[Scenario, Phases]:
    """The scenario and its phases after `settings` like "fault.latency_ms=200" or "load.rate_rps=80".

    "fault.…" goes to every fault that has the parameter, "fault1.…" to the first fault only, "limits.service.cpus" to a
    part of the twins. Raises LabError, with the valid names, for a name or a value that does not fit.
    """
    phases = scenario.quick if quick else scenario.full
    for setting in settings:
        target, name, text = _parse(setting)
        if target == "load":
            scenario = replace(scenario, load=_changed(scenario.load, name, text, setting))
        elif target == "phases":
            phases = _changed(phases, name, text, setting)
        elif target == "limits":
            scenario = replace(scenario, topology=_limited(scenario.topology, name, text, setting))
        else:
            scenario = _with_fault(scenario, target, name, text, setting)
    _check_length(scenario.load, phases)
    _check_proofs(scenario, phases)
    for fault in scenario.faults:
        check(fault)
        _check_there(fault, scenario.topology)
    _check_members(scenario.faults)
    return scenario, phases


def check(fault: Fault) -> None:
    """Raises LabError for a parameter out of range, before the twins are started."""
    fault.target()
    if isinstance(fault, StateFault):
        fault.state()
    if isinstance(fault, ActionFault):
        fault.action()


def _check_length(load: Load, phases: Phases) -> None:
    """Raises LabError for a run that would take absurdly long."""
    if phases.total_s > PHASES_MAX_S:
        raise LabError(
            f"The phases last {phases.total_s:g} s in all, more than a day ({PHASES_MAX_S} s). Shorten them."
        )
    if load.client_timeout_s > CLIENT_TIMEOUT_MAX_S:
        raise LabError(
            f"load.client_timeout_s is {load.client_timeout_s:g}; it must be at most {CLIENT_TIMEOUT_MAX_S}."
        )


def _check_proofs(scenario: Scenario, phases: Phases) -> None:
    """Raises LabError for phases in which no probe could show what the gates ask for: such a run is always invalid."""
    least_s = {"baseline_s": scenario.load.good_within_ms / 1000 + PROBED_S}
    if scenario.faults:
        least_s |= {"fault_s": PROBED_S / 2, "recovery_s": PROBED_S}
    for name, seconds in least_s.items():
        if getattr(phases, name) < seconds:
            raise LabError(
                f"phases.{name} is {getattr(phases, name):g}; with this scenario it must be at least {seconds:g}, "
                "or the probes have no time to show that nothing else was wrong."
            )


def _check_there(fault: Fault, topology: Topology) -> None:
    """Raises LabError if the twins do not have what `fault` acts on."""
    target, parts = fault.target(), (SERVICE, *topology.parts)
    there = {
        Kind.LINK: [a_link(link) for link in topology.links],
        Kind.PART: [a_part(part, member) for part in parts for member in (ALL, *topology.members(part))],
        Kind.STORE: [STORE] if STORE.name in topology.links else [],
        Kind.LOAD: [ARRIVALS],
    }
    if target not in there[target.kind]:
        known = ", ".join(map(str, there[target.kind])) or "none"
        raise LabError(f"{fault.kind} acts on {target}, which these twins do not have. They have: {known}.")


def _check_members(faults: Iterable[Fault]) -> None:
    """Raises LabError if one fault hits all members of a part and another only one: it is unclear which would count."""
    parts = {fault.target() for fault in faults if fault.target().kind is Kind.PART}
    for part in parts:
        if part.member == ALL and any(other.name == part.name and other != part for other in parts):
            raise LabError(
                f"A fault of {part} and one of a single member cannot be combined: name a member in each."
            )


def _modules(package: ModuleType) -> Iterable[ModuleType]:
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield importlib.import_module(info.name)


def _entry(module: ModuleType) -> Entry:
    parts = module.__name__.split(".")
    scenario: Scenario = module.SCENARIO
    if parts[-1].replace("_", "-") != scenario.name:
        raise LabError(
            f"{module.__name__} defines the scenario {scenario.name!r}: file and name must be the same."
        )
    return Entry(scenario=scenario, module=".".join(parts[1:-1]), story=(module.__doc__ or "").strip())


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
        raise LabError(
            f"--set {setting}: the faults of {scenario.name} have no {name!r}; they have {', '.join(there)}."
        )
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
    """The fields of a frozen value that a number or a word can set, with their types."""
    takes = {name: _taken(hint) for name, hint in get_type_hints(type(value)).items()}
    return {member.name: takes[member.name] for member in fields(value) if takes[member.name] in WORDS}


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
    return replace(value, **{name: new})
