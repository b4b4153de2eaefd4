"""Turns the evidence of a run into its verdict: gates first, then every check on every twin, then a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.judge.answer import answer
from lab.judge.description import describe
from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates import of_run, of_twin
from lab.judge.gates.recording import complete
from lab.model import (
    Check,
    CheckResult,
    Gate,
    LabError,
    RunVerdict,
    Scenario,
    TwinNumbers,
    TwinVerdict,
    Verdict,
)


def judge(run: RunEvidence) -> RunVerdict:
    """The verdict on `run`, from its folder alone. In an invalid run no twin is judged; only its numbers are kept."""
    scenario = run.manifest.scenario
    whole = complete(run).passed
    first, last = of_run(run)
    gates, twins = [*first], []
    for twin in run.twins:  # one by one, so that what a twin has left is read once, and then freed
        gates += of_twin(run, twin)
        twins.append(_twin(twin, scenario, _all_passed([*gates, *last]), whole))
    gates += last
    if not (valid := _all_passed(gates)):
        twins = [replace(twin, verdict=Verdict.INCONCLUSIVE, checks=()) for twin in twins]
    return RunVerdict(
        run=run.manifest.run,
        scenario=scenario.name,
        valid=valid,
        gates=_failed_first(gates),
        twins=tuple(twins),
        as_expected=not any(twin.surprising for twin in twins) if valid else None,
        sentence=answer(scenario, gates, twins),
    )


def _twin(twin: TwinEvidence, scenario: Scenario, valid: bool, whole: bool) -> TwinVerdict:
    checks = tuple(_safely(check, twin) for check in scenario.checks) if valid else ()
    return TwinVerdict(
        twin=twin.twin,
        service=twin.plan.service,
        role=twin.plan.role,
        verdict=Verdict.worst([result.verdict for result in checks]),
        expected=None if twin.plan.altered else scenario.expected.get(twin.plan.service),
        checks=checks,
        numbers=describe(twin) if whole else _as_far_as_known(twin),
    )


def _as_far_as_known(twin: TwinEvidence) -> TwinNumbers:
    """The numbers of a run that ended early; none if too little was recorded."""
    try:
        return describe(twin)
    except LabError:
        return TwinNumbers(phases={})


def _safely(check: Check, twin: TwinEvidence) -> CheckResult:
    """The check's result. A check that crashes has found out nothing, so it is never held."""
    try:
        return check.judge(twin)
    except LabError:
        raise  # a file of the run that cannot be read: a problem of the run, not of the check
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, not the twin's
        return check.undecided(f"The check itself failed: {type(error).__name__}: {error}.")


def _all_passed(gates: Sequence[Gate]) -> bool:
    return all(gate.passed for gate in gates)


def _failed_first(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    return tuple(sorted(gates, key=lambda gate: gate.passed))
