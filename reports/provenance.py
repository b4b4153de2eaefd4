"""How a run was made, from its manifest: enough to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

Facts = list[tuple[str, str]]


def provenance(manifest: Mapping[str, Any]) -> Facts:
    """(name, value) pairs in the order of interest; what the manifest does not tell is left out."""
    return [(name, text) for name, text in _facts(manifest) if text]


def _facts(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Run", str(manifest.get("run", ""))
    yield "Begun", str(manifest.get("t0_wall", ""))
    yield "Runtime", str(manifest.get("runtime", ""))
    yield "Proxy engine", str(manifest.get("engine") or manifest.get("facts", {}).get("engine", ""))
    yield "Faults", "; ".join(_fault(fault) for fault in manifest.get("faults", ())) or "none (control)"
    yield "Load", _load(manifest.get("load", {}))
    yield (
        "Phases",
        ", ".join(
            f"{name.removesuffix('_s')} {length:g} s" for name, length in manifest.get("phases", {}).items()
        ),
    )
    yield (
        "Defences",
        ", ".join(f"{name}: {twin.get('defences', '?')}" for name, twin in manifest.get("twins", {}).items()),
    )
    yield (
        "Data",
        ", ".join(
            f"{count:,} {name}".replace(",", "\u202f")
            for name, count in manifest.get("seed_sizes", {}).items()
        ),
    )
    yield "Seed", str(manifest.get("seed", ""))
    for name, value in _flat(manifest.get("facts", {})):
        if name != "engine":
            yield name, value
    yield "Machine", ", ".join(f"{name} {value}" for name, value in manifest.get("machine", {}).items())
    yield "Lab", f"{manifest.get('lab_version', '')} {manifest.get('commit', '')}".strip()


def _fault(fault: Mapping[str, Any]) -> str:
    text = str(fault["description"])
    start, end = fault.get("during", (0, 1))
    return text if (start, end) == (0, 1) else f"{text}, from {start:.0%} to {end:.0%} of the fault phase"


def _load(load: Mapping[str, Any]) -> str:
    if not load:
        return ""
    whole = sum(load["mix"].values())
    mix = ", ".join(f"{name} {weight / whole:.0%}" for name, weight in load["mix"].items())
    return (
        f"open loop, {load['rate_rps']:g} requests/s for each twin ({mix}); "
        f"good within {load['good_within_ms']:g} ms, given up after {load['client_timeout_s']:g} s"
    )


def _flat(facts: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as "postgres version: 18.1"."""
    for name, value in facts.items():
        label = f"{under} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, label)
        elif isinstance(value, list | tuple):
            yield label, ", ".join(map(str, value))
        elif value is not None:
            yield label, str(value)


def command(manifest: Mapping[str, Any]) -> str:
    """The command line that makes this run once more."""
    words = ["bin/lab", "run", str(manifest.get("scenario", ""))]
    words += ["--quick"] if manifest.get("quick") else []
    for option, value in (("--runtime", manifest.get("runtime")), ("--seed", manifest.get("seed"))):
        words += [option, str(value)] if value is not None else []
    defences = manifest.get("twins", {}).get("hardened", {}).get("defences", "all")
    words += ["--defences", defences] if defences != "all" else []
    for setting in manifest.get("settings", ()):
        words += ["--set", setting]
    return shlex.join(words)
