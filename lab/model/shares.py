"""Shares in per cent, and counts: written the same way in checks, gates, tables and figures."""

from __future__ import annotations


def percent(share: float) -> str:
    """0-1 as per cent; what is not exactly 0 or 1 is never rounded to 0 or 100 %."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}".removesuffix(".0") + " %"


def plural(count: int, one: str, many: str = "") -> str:
    """How many of something, such as 1 error or 3 errors; `many` is the plural if it is not `one` with an s."""
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"
