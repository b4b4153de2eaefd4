"""Finds scenarios by name, and refuses those that cannot be run with the parameters that `--set` has changed.

Any module below scenarios/ that defines SCENARIO is a scenario. There is no list to keep. One that cannot be loaded
keeps nobody from the others.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import ModuleInfo

import scenarios
from lab.model import (
    ALL,
    ARRIVALS,
    SERVICE,
    STORE,
    THIRDS,
    ActionFault,
    Fault,
    Kind,
    LabError,
    Load,
    Phases,
    Scenario,
    StateFault,
    Topology,
    a_link,
    a_part,
)
from lab.settings import applied, blaming

# Anything longer is a typo, and would keep the machine busy for as long as it says.
PHASES_MAX_S = 24 * 3600
CLIENT_TIMEOUT_MAX_S = 600
PROBED_S = 2.0  # the probes need this long to show anything
THIRD_S = 0.9  # and this long in each third of a fault of a link: eight of them, clear of its edges


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A scenario with its place in the catalogue and the story in its module's docstring."""

    scenario: Scenario
    module: str  # "a_slow" … or "" for the control
    story: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What is below scenarios/: the scenarios by name, sorted by name, and by file why others cannot be used."""

    entries: Mapping[str, Entry]
    broken: Mapping[str, str]


def entries() -> Mapping[str, Entry]:
    """Every scenario by name, sorted by name. Raises LabError if there is one that cannot be used."""
    found = read()
    for why in found.broken.values():
        raise LabError(why)
    return found.entries


@cache
def read() -> Catalogue:
    """Everything that can be used, and what is wrong with the rest."""
    found: list[Entry] = []
    broken: dict[str, str] = {}
    infos = pkgutil.walk_packages(scenarios.__path__, scenarios.__name__ + ".", onerror=lambda _name: None)
    for info in infos:
        file = _file(info)
        try:
            found += _entries(info.name)
        except LabError as error:
            broken[file] = str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a scenario of somebody's own may raise anything
            broken[file] = f"{file} cannot be loaded: {_cause(error, file)}. Fix it, or move it away."
    by_name = {entry.scenario.name: entry for entry in sorted(found, key=lambda entry: entry.scenario.name)}
    return Catalogue(entries=by_name, broken=broken)


def find(name: str) -> Entry:
    """The scenario `name`, or the only one that starts with it, in any case. Raises LabError with similar names."""
    everything, asked = read().entries, name.lower()
    word = [known for known in everything if known == asked or known.startswith(asked + "-")]
    fits = word if len(word) == 1 else [known for known in everything if asked and known.startswith(asked)]
    if len(fits) == 1:
        return everything[fits[0]]
    if fits:
        raise LabError(f"{name} matches {', '.join(fits)}. Name one of them.")
    for file, why in read().broken.items():
        if asked and Path(file).stem.replace("_", "-").startswith(asked):
            raise LabError(why)
    near = difflib.get_close_matches(asked, everything, n=2, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See: bin/lab list"
    raise LabError(f"There is no scenario called {name!r}. {hint}")


def configure(scenario: Scenario, quick: bool, settings: Iterable[str]) -> tuple[Scenario, Phases]:
    """The scenario and its phases after `settings` like "fault.latency_ms=200" or "load.rate_rps=80".

    Raises LabError, with the valid names, for a name or a value that does not fit.
    """
    phases = scenario.quick if quick else scenario.full
    given = tuple(settings)
    for setting in given:
        scenario, phases = applied(setting, scenario, phases)
    _check_length(scenario.load, phases)
    for number, fault in enumerate(scenario.faults):
        with blaming(given, scenario, number):
            check(fault)
        _check_there(fault, scenario.topology)
    _check_proofs(scenario, phases)
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
    least_s = {
        "baseline_s": (scenario.load.good_within_ms / 1000 + PROBED_S, "show that nothing else was wrong")
    }
    if scenario.faults:
        seen = "see the fault come and go"
        fault_s = max(map(_probed_s, scenario.faults))
        least_s |= {"fault_s": (fault_s, seen), "recovery_s": (PROBED_S, seen)}
    for name, (seconds, why) in least_s.items():
        if getattr(phases, name) < seconds:
            raise LabError(
                f"phases.{name} is {getattr(phases, name):g}; with this scenario it must be at least {seconds:g}, "
                f"or the probes have no time to {why}."
            )


def _probed_s(fault: Fault) -> float:
    """How long the fault phase must be, that probes can show this fault."""
    if fault.target().kind is not Kind.LINK or getattr(fault, "burst", None) is not None:
        return PROBED_S / 2
    start, end = fault.during
    return round(THIRDS * THIRD_S / (end - start), 1)


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


def _file(info: ModuleInfo) -> str:
    """The file of a module, as seen from the root of the clone."""
    return info.name.replace(".", "/") + ("/__init__.py" if info.ispkg else ".py")


def _cause(error: BaseException, file: str) -> str:
    """The error in one line, with the line of `file` that it comes from."""
    root = Path(scenarios.__path__[0]).parent
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(root / file)
    ]
    line, said = (lines or [None])[-1], str(error)
    if isinstance(error, SyntaxError):
        line, said = error.lineno, error.msg
    told = " ".join(said.split()).rstrip(".")
    return f"{type(error).__name__}: {told}" + (f", line {line}" if line else "")


def _entries(module: str) -> list[Entry]:
    """The scenario that `module` defines, if it does. Raises LabError if it has another name than its file."""
    loaded, parts = importlib.import_module(module), module.split(".")
    if not hasattr(loaded, "SCENARIO"):
        return []
    scenario: Scenario = loaded.SCENARIO
    if parts[-1].replace("_", "-") != scenario.name:
        raise LabError(f"{module} defines the scenario {scenario.name!r}: file and name must be the same.")
    return [Entry(scenario=scenario, module=".".join(parts[1:-1]), story=(loaded.__doc__ or "").strip())]
