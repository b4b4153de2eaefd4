"""Tries the cases one after the other. Each result is on disk as soon as it is known: a killed self-check can go on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab import paths
from lab.model import LabError
from lab.model.selfcheck import Case, CaseKind, CaseResult, Finding, as_it_must
from lab.record import RunRecord
from lab.record.files import read_value, write_value
from lab.record.verdicts import read_verdict
from lab.runtime.ownership.lock import run_lock
from lab.runtime.programs import Ended
from lab.selfcheck.acts import Saboteur
from lab.selfcheck.amiss import amiss
from lab.selfcheck.forgery import AFTERWARDS, FORGERIES
from lab.selfcheck.judging import Trial, found
from lab.selfcheck.workshop import Workshop, ran

PLAN, RESULTS, RUNS = "selfcheck.json", "results", "runs"
AGAIN = (
    2  # how many times a run that the machine spoiled is repeated: a short baseline forgives one slow answer
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which cases are tried, and from which sources."""

    commit: str
    runtime: str
    seed: int
    cases: tuple[Case, ...]

    def same_as(self, other: Plan) -> bool:
        return (self.commit, self.runtime, self.cases) == (other.commit, other.runtime, other.cases)


@dataclass(frozen=True, kw_only=True)
class SelfcheckFolder:
    """One self-check on disk: its plan, the result of each case that was tried, the runs that came out wrong."""

    folder: Path
    plan: Plan

    @classmethod
    def create(cls, folder: Path, plan: Plan) -> SelfcheckFolder:
        try:
            folder.mkdir(parents=True)
        except OSError as exc:
            raise LabError(f"Cannot write {folder}: {exc.strerror}. Make {folder.parent} writable.") from exc
        write_value(folder / PLAN, plan)
        return cls(folder=folder, plan=plan)

    def results(self) -> Mapping[str, CaseResult]:
        """The result of each case that was decided, in the order of the plan."""
        wanted = [self.folder / RESULTS / f"{case.name}.json" for case in self.plan.cases]
        told = [read_value(path, CaseResult) for path in wanted if path.exists()]
        return {result.case: result for result in told if result.finding is not Finding.UNDECIDED}

    def left(self) -> tuple[Case, ...]:
        known = self.results()
        return tuple(case for case in self.plan.cases if case.name not in known)

    def add(self, result: CaseResult) -> None:
        """Each result is a file of its own, whole or absent: a kill leaves nothing that a later start stumbles over."""
        (self.folder / RESULTS).mkdir(exist_ok=True)
        write_value(self.folder / RESULTS / f"{result.case}.json", result)

    def keep(self, case: Case, run: Path | None) -> None:
        """Keep the run of a case that came out wrong, for inspection."""
        target = self.folder / RUNS / case.name
        shutil.rmtree(target, ignore_errors=True)
        if run is not None:
            target.parent.mkdir(exist_ok=True)
            shutil.move(run, target)


def unfinished(runs: Path, plan: Plan) -> SelfcheckFolder | None:
    """The newest self-check below `runs` that asks for the same and is not finished."""
    for path in sorted(runs.glob(f"*/{PLAN}"), reverse=True):
        try:
            known = SelfcheckFolder(folder=path.parent, plan=read_value(path, Plan))
            if known.plan.same_as(plan) and known.left():
                return known
        except LabError:
            continue
    return None


def walk(check: SelfcheckFolder, say: Callable[[str], None]) -> Iterator[CaseResult]:
    """Each new result, as it becomes known."""
    workshop, cases = Workshop(paths.workshop()), check.left()
    with run_lock(paths.STATE):
        workshop.open()
        for number, case in enumerate(cases, len(check.plan.cases) - len(cases) + 1):
            began_at = time.monotonic()
            trial = tried(workshop, case, check.plan)
            result = replace(
                found(case, trial),
                took_s=round(time.monotonic() - began_at, 1),
                commit=check.plan.commit,
                day=f"{datetime.now(UTC):%Y-%m-%d}",
            )
            check.add(result)
            if not as_it_must(case, result):
                check.keep(case, workshop.newest())
            say(f"{number} of {len(check.plan.cases)}: {line(case, result)}")
            yield result


def line(case: Case, result: CaseResult) -> str:
    told = f" by {', '.join(result.told)}" if result.told else ""
    return f"{case.kind} {case.name}: {result.finding}{told} ({result.took_s:.0f} s)"


def tried(workshop: Workshop, case: Case, plan: Plan) -> Trial:
    """The run of `case`, and what somebody does to it meanwhile or afterwards."""
    workshop.prepare(case)
    how = case.sabotage
    saboteur = Saboteur(workshop, how) if how is not None and how.phase != AFTERWARDS else None
    if saboteur is not None:
        saboteur.start()
    # A sabotaged run is not repeated: the second one would be honest.
    again = 0 if case.kind is CaseKind.SABOTAGE else AGAIN
    done = workshop.run(case, plan.runtime, plan.seed, again)
    if saboteur is not None:
        saboteur.stop()
    error = saboteur.error if saboteur is not None else ""
    folder = workshop.newest()
    if how is not None and how.phase == AFTERWARDS and folder is not None:
        FORGERIES[how.act](folder, how.of)
        done = workshop.regrade(folder.name)
    return seen(case, done, folder, error)


def seen(case: Case, done: Ended, folder: Path | None, error: str) -> Trial:
    """What is in the folder of the run that was made for `case`."""
    trial = Trial(code=done.code, words=done.stderr.strip(), error=error)
    if folder is None:
        return trial
    proved = case.mutation is None or ran(folder, case.name)
    trial = replace(trial, run=folder.name, ran=proved)
    try:
        record, verdict = RunRecord(folder), read_verdict(folder)
        names = tuple(check.name for check in record.manifest.scenario.checks)
        wrong = () if verdict.valid or case.kind is not CaseKind.MUTANT else _amiss(record)
    except LabError:
        return trial
    return replace(trial, verdict=verdict, checks=names, amiss=wrong)


def _amiss(record: RunRecord) -> tuple[str, ...]:
    paths = {number: str(asked.members["path"]) for number, asked in record.schedule.asked.items()}
    return tuple(told for twin in record.twins for told in amiss(twin, paths))
