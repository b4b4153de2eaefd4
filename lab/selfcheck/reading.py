"""Reads the cases: TOML files, one table per case. What stands above the tables applies to all cases of the file."""

from __future__ import annotations

import tomllib
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lab.model import LabError, plural
from lab.model.selfcheck import Case, CaseKind
from lab.record.codec import Damaged, structured

FOLDER = Path(__file__).parent / "cases"
# How long the phases last, in seconds. The observer samples a link ten times a second, and a fault must be seen in
# every third of its window.
LENGTHS: Mapping[str, Mapping[str, float]] = {
    "short": {"warmup_s": 2, "baseline_s": 3, "fault_s": 3, "recovery_s": 0.5, "drain_s": 0.5},
    "fault": {"warmup_s": 2, "baseline_s": 3, "fault_s": 7, "recovery_s": 3, "drain_s": 0.5},
    "recovery": {"warmup_s": 2, "baseline_s": 3, "fault_s": 7, "recovery_s": 10.5, "drain_s": 1},
    "long": {"warmup_s": 2, "baseline_s": 3, "fault_s": 20, "recovery_s": 3, "drain_s": 1},
    "quick": {},
}
MUTATION, SABOTAGE = ("file", "old", "new"), ("act", "phase", "after_s", "for_s", "of", "ms")


@cache
def cases() -> tuple[Case, ...]:
    """Every case, in the order of the files and within each; then a control of each run that mutants are tried in."""
    written = [case for path in sorted(FOLDER.glob("*.toml")) for case in read(path)]
    return (*written, *controls(written))


def controls(written: Iterable[Case]) -> Iterator[Case]:
    """For each run that mutants are tried in, the same without a mutant: a check that breaks there catches nothing.

    Except where the words of the check tell one from the other.
    """
    tried: dict[tuple[object, ...], list[Case]] = {}
    for case in written:
        if case.kind is CaseKind.MUTANT and case.counts and not case.says:
            tried.setdefault((case.scenario, case.twins, case.settings), []).append(case)
    for first, *others in tried.values():
        yield Case(
            name=f"without-{first.name}",
            kind=CaseKind.MUTANT,
            why=f"The same run as for {first.name} and {plural(len(others), 'other mutant')}, without any.",
            scenario=first.scenario,
            twins=first.twins,
            settings=first.settings,
            equivalent="nothing is changed",
            silent=tuple(sorted({case.caught_by for case in (first, *others)})),
        )


def chosen(quick: bool, only: Iterable[str]) -> tuple[Case, ...]:
    """The cases of a quick self-check, or all; of these, those whose names match one of the words `only`."""
    found = [case for case in cases() if case.quick or not quick]
    words, names = tuple(only), {case.name for case in found}
    if words:
        found = [case for case in found if any(_named(case.name, word, names) for word in words)]
    if not found:
        raise LabError(f"No case has {' or '.join(words)} in its name. See: bin/lab selfcheck --list")
    return tuple(found)


def _named(name: str, word: str, names: Container[str]) -> bool:
    return name == word if word in names else word in name


def read(path: Path) -> list[Case]:
    """The cases of one file. Raises LabError, which names the case, for what does not fit."""
    try:
        told = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path} is damaged: {error}.") from error
    tables = told.pop("case", [])
    return [_case(path, {**told, **table}) for table in tables]


def _case(path: Path, told: dict[str, Any]) -> Case:
    lengths = LENGTHS[told.pop("length", "short")]
    settings = [*told.pop("settings", []), *(f"phases.{name}={value}" for name, value in lengths.items())]
    for name, members in (("mutation", MUTATION), ("sabotage", SABOTAGE)):
        parts = {member: told.pop(member) for member in members if member in told}
        if parts:
            told[name] = parts
    try:
        return structured({**told, "settings": settings}, Case)
    except Damaged as error:
        raise LabError(f"{path}: the case {told.get('name')}: {error}.") from error
