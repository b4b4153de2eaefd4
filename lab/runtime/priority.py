"""Who goes first on a machine that all of them share: the lab's own instruments, then the system under test.

A request that is sent late, or a delay that grows by the scheduler's, is no finding about a service. Both answers are
put before a command line.
"""

from __future__ import annotations

import os
import shutil


def punctual() -> tuple[str, ...]:
    """For an instrument of the lab's: woken on time, whoever runs. That is real time, which as a rule takes root."""
    return ("chrt", "--rr", "1") if os.geteuid() == 0 and shutil.which("chrt") else ()


def giving_way() -> tuple[str, ...]:
    """For what is examined: it runs whenever nobody else of our session wants to, and is interrupted at once."""
    return ("chrt", "--idle", "0") if shutil.which("chrt") else ("nice", "-n", "19")
