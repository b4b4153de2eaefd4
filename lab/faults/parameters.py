"""What the parameters of all faults have in common: their limits, and how a rhythm is described."""

from __future__ import annotations

import re

from lab.model import Fault, LabError, StateFault, Unfit

BURST_S_MIN = 0.05
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def rhythm(fault: StateFault) -> str:
    """How a fault comes and goes, as the end of its description."""
    if fault.burst is None:
        return ""
    return f" in bursts (about {fault.burst.on_s:g} s on, {fault.burst.off_s:g} s off)"


def require_times(fault: Fault) -> None:
    """Raise LabError unless `during` and `burst` of `fault` make sense."""
    start, end = fault.during
    if not 0 <= start < end <= 1:
        raise LabError(
            f"{fault.kind}: during must be two fractions of the fault phase, start < end, not {fault.during}."
        )
    burst = fault.burst if isinstance(fault, StateFault) else None
    if burst is not None and min(burst.on_s, burst.off_s) < BURST_S_MIN:
        raise LabError(f"{fault.kind}: burst needs on_s and off_s of at least {BURST_S_MIN} s.")


def require(fault: Fault, name: str, low: int, high: int) -> int:
    """The parameter `name` of `fault`, a whole number in [low, high]; otherwise Unfit, which names both."""
    value = getattr(fault, name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Unfit(f"{fault.kind}: {name} must be a whole number from {low} to {high}, not {value!r}.", name)
    return value


def require_number(fault: Fault, name: str, low: float, high: float) -> float:
    """The parameter `name` of `fault`, any number in [low, high]; otherwise Unfit, which names both."""
    value = getattr(fault, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Unfit(f"{fault.kind}: {name} must be a number from {low:g} to {high:g}, not {value!r}.", name)
    return float(value)


def identifier(fault: Fault, name: str) -> str:
    """The parameter `name` of `fault`, a table or a column, quoted for SQL; else Unfit, which names both."""
    value = getattr(fault, name)
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise Unfit(
            f"{fault.kind}: {name} must be a name of lower-case letters, digits and underscores, not {value!r}.",
            name,
        )
    return f'"{value}"'
