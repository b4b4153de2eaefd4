"""Numbers for people: with units, no more digits than are meaningful, and a word where there is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lab import model

NONE = "–"
NBSP = "\u00a0"  # a number and its unit stay on one line


def milliseconds(ms: float | None) -> str:
    if ms is None or math.isnan(ms):
        return NONE
    if math.isinf(ms):
        return "no ok answer"
    if abs(ms) < 10:
        return f"{ms:.1f}{NBSP}ms"
    return f"{grouped(round(ms))}{NBSP}ms"


def limit(ms: float) -> str:
    """A round number on an axis or in a rule: 300 ms, 1 s, 2.5 s."""
    return f"{ms / 1000:g}{NBSP}s" if ms >= 1000 else f"{ms:g}{NBSP}ms"


def percent(share: float | None) -> str:
    """As everywhere, but on one line."""
    return NONE if share is None or math.isnan(share) else model.percent(share).replace(" ", NBSP)


def grouped(number: int) -> str:
    """With a narrow no-break space between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def series(parts: Iterable[str]) -> str:
    """a, b and c"""
    *first, last = list(parts) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit that a check or a gate names; "" if there is none."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "never"
    if unit == "ms":
        return milliseconds(value)
    if unit == "share":
        return percent(value)
    whole = value == int(value) or abs(value) >= 1_000
    return f"{grouped(round(value)) if whole else f'{value:.3g}'}{NBSP}{unit}".rstrip()
