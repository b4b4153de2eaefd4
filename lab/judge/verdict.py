"""From the evidence of a run to its verdict: gates first, then every check on every twin, then a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.judge.answer import answer
from lab.judge.description import describe
from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates import look
from lab.model import TWINS, Check, CheckResult, Gate, RunVerdict, Scenario, TwinVerdict, Verdict


def judge(run: RunEvidence, scenario: Scenario) -> RunVerdict:
    """The verdict on `run`, from its folder alone. An invalid run judges nobody: its twins keep only their numbers."""
    records = [run.twin(name, scenario) for name in _in_order(run.manifest["twins"])]
    gates = look(run, records, scenario)
    valid = all(gate.passed for gate in gates)
    twins = tuple(_twin(run, record, scenario, valid) for record in records)
    as_expected = all(twin.verdict is twin.expected for twin in twins) if valid else None
    return RunVerdict(
        run=str(run.manifest["run"]),
        scenario=scenario.name,
        valid=valid,
        gates=_failed_first(gates),
        twins=twins,
        as_expected=as_expected,
        sentence=answer(scenario, gates, twins),
    )


def _twin(run: RunEvidence, twin: TwinEvidence, scenario: Scenario, valid: bool) -> TwinVerdict:
    checks = tuple(_safely(check, twin) for check in scenario.checks) if valid else ()
    return TwinVerdict(
        twin=twin.twin,
        verdict=Verdict.worst([result.verdict for result in checks]),
        expected=scenario.expected[twin.twin],
        checks=checks,
        numbers=describe(twin, run.events),
    )


def _safely(check: Check, twin: TwinEvidence) -> CheckResult:
    """The check's result. A check that crashes has found out nothing, least of all that all is well."""
    try:
        return check.judge(twin)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, not the twin's
        return CheckResult(
            check=check.title(),
            verdict=Verdict.INCONCLUSIVE,
            value=None,
            threshold=None,
            unit="",
            sentence=f"The check itself failed: {type(error).__name__}: {error}.",
            invariant=check.invariant,
        )


def _in_order(names: Iterable[str]) -> list[str]:
    """The twins as everybody tells them: naive, hardened, then others by name."""
    return sorted(names, key=lambda name: (TWINS.index(name) if name in TWINS else len(TWINS), name))


def _failed_first(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    return tuple(sorted(gates, key=lambda gate: gate.passed))
