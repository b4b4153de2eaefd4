"""`python -m lab.cli.reference`: the page of everything that scenarios are made of, docs/reference.md.

It is made from the code itself: checks with their numbers, faults with their parameters, operations, settings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

from lab import catalogue
from lab.checks.invariants import INVARIANTS
from lab.checks.slos import SLOS
from lab.cli.looking import settings
from lab.faults import FAULTS
from lab.model import Check, Fault
from lab.workload.booking import BOOKING

INTRODUCTION = """\
# Reference

What scenarios are made of. [Adding your own](adding.md) shows how to use it; `bin/lab show S` shows one scenario.

<!-- Generated from the code: .venv/bin/python -m lab.cli.reference > docs/reference.md -->
"""
HIDDEN = ("during", "burst")  # of a fault: explained once for all


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRODUCTION, *_checks(), *_faults(), *_operations(), *_settings()])


def _checks() -> Iterator[str]:
    yield "## Checks\n"
    yield "Scenarios choose them, with thresholds of their own. SLOs are about the requests of a phase, invariants"
    yield "about the history of all requests and the data that is left. Missing numbers are reserved.\n"
    yield from _table(("SLO", "what it asks", "scenarios"), map(_slo, SLOS))
    ordered = sorted(INVARIANTS, key=lambda check: (int(check.invariant[1:] or 99), check.name))
    yield from _table(("", "invariant", "what must be true", "scenarios"), map(_invariant, ordered))


def _slo(check: type[Check]) -> tuple[str, ...]:
    return f"`{check.__name__}`{_parameters(check)}", _what(check), _used(check)


def _invariant(check: type[Check]) -> tuple[str, ...]:
    return check.invariant, f"`{check.__name__}`", _what(check), _used(check)


def _used(check: type[Check]) -> str:
    every = (entry.scenario for entry in catalogue.entries().values())
    users = (scenario for scenario in every if check in map(type, scenario.checks))
    return ", ".join(scenario.name.partition("-")[0] for scenario in users) or "none yet"


def _faults() -> Iterator[str]:
    yield "## Faults\n"
    yield "`during` is the part of the fault phase in which a fault acts. Lasting faults can come and go (`burst`);"
    yield "`Kill` and `DropSessions` happen `times` times, spread over that part.\n"
    ordered = sorted(FAULTS, key=lambda fault: (_kind(fault), fault.__name__))
    yield from _table(("fault", "acts on", "what it does"), map(_fault, ordered))


def _fault(fault: type[Fault]) -> tuple[str, ...]:
    return f"`{fault.__name__}`{_parameters(fault)}", _kind(fault), _what(fault)


def _kind(fault: type[Fault]) -> str:
    """The folder that it is in: a link, a part …"""
    folder = fault.__module__.split(".")[2]
    return {"links": "a link", "parts": "a part", "stores": "the database", "load": "the load"}[folder]


def _operations() -> Iterator[str]:
    yield "## Operations of the load\n"
    yield f"Those of the workload `{BOOKING.name}`; a scenario's `mix` gives the weight of each.\n"
    rows = ((f"`{name}`", _first(make)) for name, make in BOOKING.operations.items())
    yield from _table(("operation", "what a client asks for"), rows)


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield "What `--set` changes, with the defaults; phases are those of a full run (`bin/lab show S` also prints those"
    yield "of `--quick`). Also `load.good_within_ms`, `load.client_timeout_s`, the other phases (`phases.recovery_s` …)"
    yield "and, with Docker, the limits of a part (`limits.service.cpus` …). `fault.x` changes every fault that has x,"
    yield "`fault1.x` only the first.\n"
    rows = (
        (entry.scenario.name, ", ".join(f"`{each}`" for each in settings(entry.scenario)))
        for entry in catalogue.entries().values()
    )
    yield from _table(("scenario", "settings"), rows)


def _parameters(of: type[Any]) -> str:
    told = [_parameter(field) for field in fields(of) if field.name not in HIDDEN]
    return f"({', '.join(told)})" if told else ""


def _parameter(field: Field[Any]) -> str:
    """at_most_ms, or bursts=3 if there is a default."""
    return field.name if field.default in (MISSING, None, (), "") else f"{field.name}={field.default}"


def _what(of: type[Any]) -> str:
    """The first sentence of its module, without its name."""
    told = _first(sys.modules[of.__module__]).partition(": ")[2]
    return told[:1].upper() + told[1:]


def _first(thing: object) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((thing.__doc__ or "").partition("\n\n")[0].split())


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    headings = list(headings)
    for cells in (headings, ["---"] * len(headings), *rows):
        told = (cell.replace("|", "\\|") for cell in cells)
        yield f"| {' | '.join(told)} |"
    yield ""


if __name__ == "__main__":
    print(page())
