"""Checks the checker: tries the cases, prints the results, writes the page."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import typer

from lab import paths
from lab.cli import assembly
from lab.cli.console import columns, console, say, told
from lab.model.selfcheck import Case, CaseResult, Finding, as_it_must, scores
from lab.provenance import commit, machine
from lab.record.codec import plain
from lab.record.files import read_value, write_text, write_value
from lab.selfcheck.reading import chosen
from lab.selfcheck.walking import Plan, SelfcheckFolder, unfinished, walk
from reports.selfcheck import Checked, page, sentence

__all__ = ["check_and_conclude", "chosen", "print_cases", "write", "write_again"]

NOT_CAUGHT, UNDECIDED = 1, 3
BEGIN, END = "<!-- score -->", "<!-- /score -->"  # around the score in the README


def check_and_conclude(
    cases: Sequence[Case], runtime: str, seed: int, *, new: bool, page: Path | None, as_json: bool
) -> NoReturn:
    """Try what is left of `cases`, print the score, write the page, and exit with the code for the results.

    On the page, the results of other cases stay as they are.
    """
    plan = Plan(commit=commit(), runtime=runtime, seed=seed, cases=tuple(cases))
    found = None if new else unfinished(paths.RUNS, plan)
    if found:
        told(f"Continuing {found.folder.name} (seed {found.plan.seed}). To start a new one: --new")
    check = found or SelfcheckFolder.create(paths.RUNS / assembly.new_run("selfcheck"), plan)
    for _ in walk(check, told):
        pass
    results = check.results()
    if page is not None:
        write(page, Checked.of([*others(page, cases), *results.values()], plan.runtime, machine()))
    if as_json:
        print(json.dumps(plain(list(results.values())), indent=1, ensure_ascii=False))
    else:
        _print(cases, list(results.values()))
        say(f"\nResults: {check.folder}")
    raise typer.Exit(exit_code(cases, results.values()))


def others(page: Path, tried: Sequence[Case]) -> Iterator[CaseResult]:
    """What the page has of cases that still exist and were not tried now."""
    left = {case.name for case in chosen(quick=False, only=())} - {case.name for case in tried}
    data = page.with_suffix(".json")
    if left and data.exists():
        yield from (result for result in read_value(data, Checked).results if result.case in left)


def exit_code(cases: Sequence[Case], results: Collection[CaseResult]) -> int:
    """0 if all that must be caught was caught, 1 if something was not, 3 if some cases are undecided."""
    known = {result.case: result for result in results}
    tried = [(case, known[case.name]) for case in cases if case.name in known]
    if not all(as_it_must(case, result) for case, result in tried):
        return NOT_CAUGHT
    return 0 if len(tried) == len(cases) else UNDECIDED


def write(target: Path, checked: Checked) -> None:
    """Write the page, the data from which it can be rebuilt, and the score in the README beside the page's folder."""
    every = chosen(quick=False, only=())
    write_value(target.with_suffix(".json"), checked)
    write_text(target, page(every, checked))
    say(f"Page: {target}")
    readme = target.absolute().parent.parent / "README.md"
    if readme.exists():
        write_text(readme, scored(readme.read_text(), sentence(every, checked)))


def write_again(target: Path) -> None:
    """The same, from the data that exist already."""
    write(target, read_value(target.with_suffix(".json"), Checked))


def scored(readme: str, score: str) -> str:
    """`readme` with `score` in its place."""
    return re.sub(f"(?<={BEGIN}).*?(?={END})", lambda _: score, readme, flags=re.DOTALL)


def print_cases(cases: Sequence[Case]) -> None:
    table = columns(("kind", "case", "scenario", "caught by", "what is wrong"), whole="case")
    for case in cases:
        must = case.caught_by or ("nobody" if case.equivalent else "same verdict")
        table.add_row(case.kind, case.name, case.scenario, must, case.why)
    console.print(table)


def _print(cases: Sequence[Case], results: Collection[CaseResult]) -> None:
    table = columns(("kind", "caught", "tried", "cases"))
    for score in scores(cases, results):
        table.add_row(score.kind, str(score.caught), str(score.tried), str(score.cases))
    console.print(table)
    by_name = {case.name: case for case in cases}
    for result in results:
        case = by_name[result.case]
        if not as_it_must(case, result):
            must = case.caught_by or "nobody"
            say(f"  {case.kind} {case.name}, to be caught by {must}: {result.finding}. {result.sentence}")
    known = {result.case for result in results}
    for case in cases:
        if case.name not in known:
            say(f"  {case.kind} {case.name}: {Finding.UNDECIDED}. Run the same command to try it again.")
