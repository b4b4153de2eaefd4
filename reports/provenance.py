"""How a run was made, from its manifest: enough to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.model import PHASES, Fault, Load, TwinPlan
from lab.record import Isolation, Manifest
from reports import words

ALL, NONE = "all", "none"  # defences
TOLD_ALREADY = ("engine", "runtime")  # among the facts
FOR_MACHINES = ("environment",)  # too long for the page; it is in the manifest
ISOLATED = {
    Isolation.SHARED: "none: there were fewer cores than twins",
    Isolation.PINNED: "each twin had cores of its own",
    Isolation.UNPINNED: "none, but there were enough cores for all twins",
}
BYTES = "_bytes"


def provenance(manifest: Manifest) -> list[tuple[str, str]]:
    """(name, value) pairs, the most interesting first; empty ones are left out."""
    return [(name, text) for name, text in (*_plan(manifest), *_place(manifest)) if text]


def command(manifest: Manifest) -> str:
    """The command line that repeats this run."""
    line = ["bin/lab", "run", manifest.scenario.name]
    line += ["--quick"] if manifest.quick else []
    line += ["--runtime", manifest.runtime, "--seed", str(manifest.seed)]
    for twin in manifest.twins:
        line += ["--twin", _chosen(twin, manifest.twins)]
    line += ["--defences", NONE] if all(twin.defences == NONE for twin in manifest.twins) else []
    for setting in manifest.settings:
        line += ["--set", setting]
    return shlex.join(line)


def _chosen(twin: TwinPlan, twins: Sequence[TwinPlan]) -> str:
    """SERVICE, or SERVICE:DEFENCES if the defences are not the default; a service without any has NONE."""
    switchable = any(other.service == twin.service and other.defences != NONE for other in twins)
    usual = ALL if switchable else NONE
    return twin.service if twin.defences == usual else f"{twin.service}:{twin.defences}"


def engine(manifest: Manifest) -> str:
    """The proxy that injected the faults: its name and, if known, its version."""
    name = str(manifest.facts.get("engine", ""))
    return f"{name} {manifest.facts.get(name, '')}".strip()


def _plan(manifest: Manifest) -> Iterator[tuple[str, str]]:
    phases, scenario = manifest.phases, manifest.scenario
    yield "Run", manifest.run
    yield "Begun", _instant(manifest.t0_wall)
    yield "Each twin", scenario.topology.describe()
    yield "Faults", "; ".join(_fault(fault) for fault in scenario.faults) or "none"
    yield "Load", _load(scenario.load, scenario.workload)
    yield "Phases", ", ".join(f"{name} {getattr(phases, f'{name}_s'):g} s" for name in PHASES)
    yield "Twins", ", ".join(_twin(twin) for twin in manifest.twins)
    yield "Data", ", ".join(f"{words.grouped(count)} {name}" for name, count in manifest.sizes.items())
    yield "Seed", str(manifest.seed)


def _place(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Where it was made: runtime, engine, versions, limits, machine, the lab itself."""
    yield "Runtime", manifest.runtime
    yield "Proxy engine", engine(manifest)
    yield "Isolation", ISOLATED[manifest.isolation]
    facts = manifest.facts
    single = {name: fact for name, fact in facts.items() if not isinstance(fact, Mapping)}
    yield "Versions", _listed({name: fact for name, fact in single.items() if name not in TOLD_ALREADY})
    for name, fact in facts.items():
        if isinstance(fact, Mapping) and name not in FOR_MACHINES:
            yield name.replace("_", " ").capitalize(), _listed(fact)
    yield "Machine", _listed(manifest.machine)
    yield "Lab", f"{manifest.lab_version} {manifest.commit}".strip()


def _twin(twin: TwinPlan) -> str:
    named = twin.name if twin.name == twin.service else f"{twin.name}, from the service {twin.service}"
    return f"{named} ({twin.role}, defences: {twin.defences})"


def _instant(iso: str) -> str:
    """2026-11-21T09:09:05.078232+00:00 in a readable form; the lab records UTC."""
    return f"{iso[:19].replace('T', ' ')} UTC" if iso else ""


def _fault(fault: Fault) -> str:
    start, end = fault.during
    text = fault.describe()
    return (
        text
        if (start, end) == (0, 1)
        else f"{text}, from {words.percent(start)} to {words.percent(end)} of the fault phase"
    )


def _load(load: Load, workload: str) -> str:
    whole = sum(load.mix.values())
    mix = sorted(load.mix.items(), key=lambda part: (-part[1], part[0]))
    return (
        f"{workload}, open loop, {load.rate_rps:g} requests/s for each twin "
        f"({', '.join(f'{name} {words.percent(weight / whole)}' for name, weight in mix)}); "
        f"good within {load.good_within_ms:g} ms, given up after {load.client_timeout_s:g} s"
    )


def _listed(facts: Mapping[str, Any]) -> str:
    """Facts on one line; nested ones are prefixed with their names, and bytes are written as people read them."""
    return ", ".join(_fact(name, value) for name, value in facts.items() if value not in (None, ""))


def _fact(name: str, value: Any) -> str:
    if name.endswith(BYTES) and isinstance(value, int):
        name, value = name.removesuffix(BYTES), words.size(value)
    told = name.replace("_", " ")
    return f"{told} ({_listed(value)})" if isinstance(value, Mapping) else f"{told} {value}"
