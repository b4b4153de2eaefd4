"""Every effect of the lab on the machine passes by here first: a line in a ledger, a program, a call to a proxy or to
the container engine.

It costs a look at an empty list. A test puts an observer there that ends the lab at the n-th effect, to prove that
whatever instant a kill comes at, nothing is left that healing cannot find.
"""

from __future__ import annotations

from collections.abc import Callable

observers: list[Callable[[str], None]] = []


def about_to(effect: str) -> None:
    """Say, in a few words, what is done next."""
    for observer in observers:
        observer(effect)
