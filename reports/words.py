"""Numbers as people read them: with units, never more digits than they carry, and a word where there is no number."""

from __future__ import annotations

import math

NONE = "–"


def milliseconds(ms: float | None) -> str:
    if ms is None or math.isnan(ms):
        return NONE
    if math.isinf(ms):
        return "no answer"
    if abs(ms) < 10:
        return f"{ms:.1f} ms"
    return f"{grouped(round(ms))} ms"


def limit(ms: float) -> str:
    """A round number on an axis or in a rule: 300 ms, 1 s, 2.5 s."""
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def percent(share: float | None) -> str:
    """0-1 as per cent; a share that is not whole is never rounded to 0 or 100 %."""
    if share is None or math.isnan(share):
        return NONE
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    return f"{round(min(max(100 * share, 0.1), 99.9), 1):g} %"


def grouped(number: int) -> str:
    """Thousands apart, by a narrow no-break space."""
    return f"{number:,}".replace(",", "\u202f")


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit a check or gate names."""
    if value is None or math.isnan(value):
        return NONE
    if unit == "ms":
        return milliseconds(value)
    if math.isinf(value):
        return "never" if value > 0 else NONE
    if unit == "share":
        return percent(value)
    number = grouped(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.3g}"
    return f"{number} {unit}".rstrip()
