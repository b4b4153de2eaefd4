"""Numbers for people: with units, no more digits than are meaningful, and a word where there is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lab import model

NONE = "–"
NBSP = "\u00a0"  # a number and its unit stay on one line
NARROW = "\u202f"  # between thousands


def milliseconds(ms: float | None) -> str:
    if ms is None or math.isnan(ms):
        return NONE
    if math.isinf(ms):
        return "none"
    return _in_ms(ms, fine=_is_fine(ms))


def alike(first_ms: float, second_ms: float) -> tuple[str, str]:
    """Two times to compare, with the same number of digits after the point."""
    fine = _is_fine(min(first_ms, second_ms))
    return _in_ms(first_ms, fine=fine), _in_ms(second_ms, fine=fine)


def _is_fine(ms: float) -> bool:
    """Whether tenths matter."""
    return abs(round(ms, 1)) < 10


def _in_ms(ms: float, *, fine: bool) -> str:
    digits = 1 if fine else 0
    number = round(ms, digits) + 0.0  # there is no −0
    return f"{number:,.{digits}f}{NBSP}ms".replace(",", NARROW)


def limit(ms: float) -> str:
    """A round number on an axis or in a rule: 300 ms, 1 s, 2.5 s."""
    return f"{ms / 1000:g}{NBSP}s" if ms >= 1000 else f"{ms:g}{NBSP}ms"


def percent(share: float | None) -> str:
    """As everywhere, but on one line."""
    return NONE if share is None or math.isnan(share) else model.percent(share).replace(" ", NBSP)


def size(count: float) -> str:
    """Bytes in the unit that people use: 1 GiB, 256 MiB."""
    unit, name = (2**30, "GiB") if count >= 2**30 else (2**20, "MiB")
    return f"{count / unit:.4g}{NBSP}{name}"


def grouped(number: int) -> str:
    return f"{number:,}".replace(",", NARROW)


def series(parts: Iterable[str]) -> str:
    """a, b and c"""
    *first, last = list(parts) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def measured(result: model.CheckResult) -> str:
    """The number beside its limit, as far as the check has them: 120 ms (limit 250 ms), 3 in 66."""
    value, threshold = found(result), limit_of(result)
    return f"{value} (limit {threshold})" if value and threshold else value


def answered(question: model.Question | None, predicted: str = "", settings: Iterable[str] = ()) -> list[str]:
    """What somebody had predicted, if anybody did, and the answer with the arithmetic behind it."""
    if question is None:
        return []
    told = [f"Answer: {question.said(question.answer)}. {question.because}"]
    if predicted:
        right = "which is right" if predicted == question.answer else "which is not right"
        told.insert(0, f"You predicted {question.said(predicted)}, {right}.")
    if changed := series(settings):
        told.append(f"The question is about the unchanged scenario; this run was made with {changed}.")
    return told


def another_version(verdict: model.RunVerdict) -> str:
    """What to know of a verdict by another version of the lab than made the run; "" if it is the same."""
    if not verdict.judged_by:
        return ""
    return f"Another version of the lab made this run. Version {verdict.judged_by} judged it, perhaps by other rules."


def expectation(twin: model.TwinVerdict) -> str:
    """How a twin's verdict compares with what the scenario expects of it."""
    if twin.expected is None:
        return "nothing expected"
    if not twin.surprising:
        return "as expected"
    return (
        "not as expected: right verdict, wrong reason"
        if twin.verdict is twin.expected
        else f"expected: {twin.expected}"
    )


def found(result: model.CheckResult) -> str:
    """What a check has measured or counted. Where it was never reached, what that means."""
    if result.value is not None and math.isinf(result.value):
        return result.unreached
    if result.value is not None and result.invariant:
        count, looked = quantity(result.value, "") if result.value else "none", result.looked or 0
        # More than was looked at: charges, for example, without any booking.
        return f"{count} in {grouped(looked)}" if result.value <= looked else count
    return quantity(result.value, result.unit)


def limit_of(result: model.CheckResult) -> str:
    """The threshold of a check; an invariant allows none, and need not say so."""
    return "" if result.invariant else quantity(result.threshold, result.unit)


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit that a check or a gate names; "" if there is none."""
    if value is None or not math.isfinite(value):
        return ""
    if unit == "ms":
        return milliseconds(value)
    if unit == "share":
        return percent(value)
    whole = value == int(value) or abs(value) >= 1_000
    return f"{grouped(round(value)) if whole else f'{value:.3g}'}{NBSP}{unit}".rstrip()
