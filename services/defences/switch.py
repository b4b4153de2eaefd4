"""Which defences are on: the names, the `DEFENCES` setting, and the decorator that swaps a function for its naive twin.

The choice and the state of every defence live on the app, so two apps in one process never share a breaker.
"""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, current_app

NAMES = (
    "batched_reads",
    "bulkhead",
    "circuit_breaker",
    "connection_pool",
    "constraints",
    "deadline",
    "durable_state",
    "graceful_shutdown",
    "http_retry",
    "idempotency",
    "lock_order",
    "one_transaction",
    "readiness",
    "server_timeouts",
    "transaction_retry",
)


@dataclass
class Defences:
    """The defences of one app: the names that are on, and what each of them remembers."""

    on: frozenset[str]
    state: dict[str, Any] = field(default_factory=dict)


def parse(text: str) -> frozenset[str]:
    """The names that are on by "all", "none", "all,-deadline", "none,+deadline,+bulkhead" or "" (all).

    Raises ValueError, naming the known ones, on anything else.
    """
    first, *changes = [word.strip() for word in (text or "all").split(",")]
    if first not in ("all", "none"):
        raise ValueError(
            f'DEFENCES={text!r}: start with "all" or "none", as in "all,-deadline" or "none,+deadline"'
        )
    names = set(NAMES if first == "all" else ())
    for change in changes:
        sign, name = change[:1], change[1:]
        if sign not in ("+", "-") or name not in NAMES:
            raise ValueError(f"DEFENCES={text!r}: {change!r} is not + or - one of {', '.join(NAMES)}")
        (names.add if sign == "+" else names.discard)(name)
    return frozenset(names)


def init_app(app: Flask) -> None:
    """Read the choice from the app's setting DEFENCES, else from the environment."""
    app.extensions["defences"] = Defences(
        parse(app.config.get("DEFENCES", os.environ.get("DEFENCES", "all")))
    )


def on(name: str) -> bool:
    """Whether defence `name` is on in the current app."""
    return name in current_app.extensions["defences"].on


def any_on() -> bool:
    """Whether the current app has any defence at all."""
    return bool(current_app.extensions["defences"].on)


def state(key: str, make: Callable) -> Any:
    """What a defence remembers under `key` in the current app, made at first use."""
    memory = current_app.extensions["defences"].state
    return memory[key] if key in memory else memory.setdefault(key, make())


def swap(name: str, naive: Callable) -> Callable:
    """Decorator of a function that defence `name` rewrote: with the defence off, `naive` is called in its place."""

    def decorate(hardened: Callable) -> Callable:
        @functools.wraps(hardened)
        def chosen(*args, **kwargs):
            return (hardened if on(name) else naive)(*args, **kwargs)

        return chosen

    return decorate


if __name__ == "__main__":  # `python -m services.defences.switch all,-deadline`: is that a choice?
    try:
        parse(sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
