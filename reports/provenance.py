"""How a run was made, from its manifest: enough to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from lab.model import PHASES
from reports import words
from reports.reading import in_order

TOLD_ALREADY = ("engine", "runtime")  # among the facts
FOR_MACHINES = ("environment",)  # too long for a page: the manifest has it


def provenance(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) pairs in the order of interest; what the manifest does not tell is left out."""
    return [(name, text) for name, text in (*_plan(manifest), *_place(manifest)) if text]


def command(manifest: Mapping[str, Any]) -> str:
    """The command line that makes this run once more."""
    line = ["bin/lab", "run", str(manifest.get("scenario", ""))]
    line += ["--quick"] if manifest.get("quick") else []
    for option, value in (("--runtime", manifest.get("runtime")), ("--seed", manifest.get("seed"))):
        line += [option, str(value)] if value is not None else []
    defences = manifest.get("twins", {}).get("hardened", {}).get("defences", "all")
    line += ["--defences", defences] if defences != "all" else []
    for setting in manifest.get("settings", ()):
        line += ["--set", setting]
    return shlex.join(line)


def _plan(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    phases, twins, sizes = (manifest.get(name, {}) for name in ("phases", "twins", "seed_sizes"))
    yield "Run", str(manifest.get("run", ""))
    yield "Begun", _instant(str(manifest.get("t0_wall", "")))
    yield "Faults", "; ".join(_fault(fault) for fault in manifest.get("faults", ())) or "none (control)"
    yield "Load", _load(manifest.get("load", {}))
    yield "Phases", ", ".join(f"{name} {phases[f'{name}_s']:g} s" for name in PHASES if f"{name}_s" in phases)
    yield "Defences", ", ".join(f"{name}: {twins[name].get('defences', '?')}" for name in in_order(twins))
    yield "Data", ", ".join(f"{words.grouped(count)} {name}" for name, count in sizes.items())
    yield "Seed", str(manifest.get("seed", ""))


def _place(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """On what it was made: runtime, engine, versions, limits, machine, the lab itself."""
    facts, machine = manifest.get("facts", {}), manifest.get("machine", {})
    yield "Runtime", str(manifest.get("runtime", ""))
    yield "Proxy engine", engine(manifest)
    single = {name: fact for name, fact in facts.items() if not isinstance(fact, Mapping)}
    yield "Versions", _listed({name: fact for name, fact in single.items() if name not in TOLD_ALREADY})
    for name, fact in facts.items():
        if isinstance(fact, Mapping) and name not in FOR_MACHINES:
            yield name.replace("_", " ").capitalize(), _listed(fact)
    yield "Machine", _listed(machine)
    yield "Lab", f"{manifest.get('lab_version', '')} {manifest.get('commit', '')}".strip()


def engine(manifest: Mapping[str, Any]) -> str:
    """The proxy that carried the faults, by name and, where it is known, version."""
    facts = manifest.get("facts", {})
    name = str(facts.get("engine") or manifest.get("engine") or "")
    return f"{name} {facts.get(name, '')}".strip()


def _instant(iso: str) -> str:
    """2026-11-21T09:09:05.078232+00:00 as people write it; the lab records UTC."""
    return f"{iso[:19].replace('T', ' ')} UTC" if iso else ""


def _fault(fault: Mapping[str, Any]) -> str:
    start, end = fault.get("during", (0, 1))
    text = str(fault["description"])
    return text if (start, end) == (0, 1) else f"{text}, from {start:.0%} to {end:.0%} of the fault phase"


def _load(load: Mapping[str, Any]) -> str:
    if not load:
        return ""
    whole = sum(load["mix"].values())
    mix = sorted(load["mix"].items(), key=lambda part: (-part[1], part[0]))
    return (
        f"open loop, {load['rate_rps']:g} requests/s for each twin "
        f"({', '.join(f'{name} {weight / whole:.0%}' for name, weight in mix)}); "
        f"good within {load['good_within_ms']:g} ms, given up after {load['client_timeout_s']:g} s"
    )


def _listed(facts: Mapping[str, Any]) -> str:
    """Facts on one line; those that are nested keep their names before them."""
    named = ((name.replace("_", " "), value) for name, value in facts.items() if value not in (None, ""))
    return ", ".join(
        f"{name} ({_listed(value)})" if isinstance(value, Mapping) else f"{name} {value}"
        for name, value in named
    )
