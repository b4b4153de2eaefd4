"""Shares as people read them: the same words in a check, a gate, a table and a figure."""

from __future__ import annotations


def percent(share: float) -> str:
    """0-1 as per cent; one that is not whole is never rounded to 0 or 100 %."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}".removesuffix(".0") + " %"
