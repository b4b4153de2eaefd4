"""Every effect of the lab on the machine is announced here first: a line in a ledger, a program, a call to a proxy or
to the container engine.

Usually that is only a look at an empty list. A test puts an observer there that kills the lab at the n-th effect, to
prove that a kill at any moment leaves nothing that healing cannot find.
"""

from __future__ import annotations

from collections.abc import Callable

observers: list[Callable[[str], None]] = []


def about_to(effect: str) -> None:
    """Announce, in a few words, what will be done next."""
    for observer in observers:
        observer(effect)
