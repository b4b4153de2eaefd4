"""Who goes first on a machine that all of them share: the lab's own instruments, then the system under test.

A request that is sent late, or a delay that grows by the scheduler's, is no finding about a service. Both answers are
put before a command line.
"""

from __future__ import annotations

from functools import cache

from lab.model import LabError
from lab.runtime.programs import ended

ASK_TIMEOUT_S = 5
REAL_TIME = ("chrt", "--rr", "1")
IDLE = ("chrt", "--idle", "0")
LOWEST = ("nice", "-n", "19")


def punctual() -> tuple[str, ...]:
    """For an instrument of the lab's: woken on time, whoever runs. As a rule only root may have that."""
    return REAL_TIME if _granted(REAL_TIME) else ()


def giving_way() -> tuple[str, ...]:
    """For what is examined: it runs whenever nobody else of our session wants to, and is interrupted at once."""
    return IDLE if _granted(IDLE) else LOWEST


@cache
def _granted(prefix: tuple[str, ...]) -> bool:
    """Whether this machine does as asked: root in a container may not, and other systems have no chrt(1)."""
    try:
        return ended([*prefix, "true"], timeout_s=ASK_TIMEOUT_S).code == 0
    except LabError:
        return False
