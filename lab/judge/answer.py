"""The answer: which twin held, which broke, under what, and the numbers that decide it. A reader sees it first.

It also says what became of all requests: a twin that holds by refusing nearly everything must not look like one that
serves.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.model import FAULT, CheckResult, Gate, Scenario, TwinVerdict, Verdict, in_words

VERB = {Verdict.HELD: "held", Verdict.BROKEN: "broke", Verdict.INCONCLUSIVE: "was inconclusive"}


def answer(scenario: Scenario, gates: Sequence[Gate], twins: Sequence[TwinVerdict]) -> str:
    """One line. For an invalid run it names the failed gate, and no twin is judged."""
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        first, more = failed[0], len(failed) - 1
        whose = f" ({first.twin} twin)" if first.twin else ""
        others = f" {more} more gate{' fails' if more == 1 else 's fail'}." if more else ""
        return f"Invalid run, no twin is judged: {first.name}{whose}: {first.sentence}{others}"
    parts = [_part(twin, result) for twin, result in zip(twins, deciding(twins), strict=True)]
    when = "During the fault" if scenario.faults else "In the fault phase"
    counts = "; ".join(f"{twin.twin} {twin.numbers.phases[FAULT].tally}" for twin in twins)
    broken = in_words(scenario.faults) or "nothing broken"
    return f"With {broken}: {'; '.join(parts)}. {when}: {counts}.{_surprise(twins)}"


def _surprise(twins: Sequence[TwinVerdict]) -> str:
    """Nothing if the result is as expected; if only the reason differs, which check should have decided."""
    surprising = [twin for twin in twins if twin.surprising]
    if not surprising:
        return ""
    other = [twin for twin in surprising if twin.verdict is twin.expected and twin.about]
    if other != surprising:
        return " Not what was expected."
    twin = other[0]
    result = twin.about
    told = f"{result.check}: {result.verdict}" if result else ""
    return (
        f" Not what was expected: the {twin.twin} twin {VERB[twin.verdict]}, but not on the check that the "
        f"scenario is about ({told})."
    )


def _part(twin: TwinVerdict, result: CheckResult | None) -> str:
    """the naive twin broke (3 % of 400 requests got the right answer within 300 ms)"""
    if result is None:
        return f"the {twin.twin} twin was not judged by any check"
    return f"the {twin.twin} twin {VERB[twin.verdict]} ({_clause(result.sentence)})"


def deciding(twins: Sequence[TwinVerdict]) -> list[CheckResult | None]:
    """For each twin the check to quote: the first that explains the verdicts of all twins, else its own first.

    A scenario lists its checks in order of importance, and the first is the one that it is about.
    """
    columns = list(zip(*(twin.checks for twin in twins), strict=True))
    for column in columns:
        if all(_explains(twin, result) for twin, result in zip(twins, column, strict=True)):
            return list(column)
    return [next((result for result in twin.checks if _explains(twin, result)), None) for twin in twins]


def _explains(twin: TwinVerdict, result: CheckResult) -> bool:
    return result.verdict is twin.verdict


def _clause(sentence: str) -> str:
    """A sentence as a clause of another."""
    clause = sentence.rstrip(".")
    return clause if clause[:2].isupper() else clause[:1].lower() + clause[1:]
