"""Which defences are on: the names, the `DEFENCES` setting, and what is called instead when one is off.

The choice and the state of every defence live on the app, so two apps in one process never share a breaker.
"""

import functools
import os
import sys
from collections.abc import Callable, Mapping
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
    "honest_errors",
    "http_retry",
    "idempotency",
    "indexes",
    "input_validation",
    "keyset_pagination",
    "lock_order",
    "one_round_trip_reads",
    "one_transaction",
    "optimistic_locking",
    "owner_checks",
    "readiness",
    "saga",
    "server_timeouts",
    "transaction_retry",
)


# By defence: the functions that it replaces, and what is called instead when it is off.
Table = Mapping[str, Mapping[Callable, Callable]]


@dataclass
class Defences:
    """The defences of one app: which are on, what is called instead of the others, and the state of each."""

    on: frozenset[str]
    stand_ins: Mapping[Callable, Callable] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


def parse(text: str) -> frozenset[str]:
    """The names that are on for "all", "none", "all,-deadline", "none,+deadline,+bulkhead" or "" (all).

    Raises ValueError, which lists the known names, on anything else.
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
            raise ValueError(f"DEFENCES={text!r}: {change!r} must be + or -, then one of {', '.join(NAMES)}")
        (names.add if sign == "+" else names.discard)(name)
    return frozenset(names)


def init_app(app: Flask, without: Table | None = None) -> None:
    """Read the choice from the app's setting DEFENCES, else from the environment.

    `without` says what is called when a defence is off.
    """
    chosen = parse(app.config.get("DEFENCES", os.environ.get("DEFENCES", "all")))
    off = [pairs for name, pairs in (without or {}).items() if known(name) not in chosen]
    app.extensions["defences"] = Defences(
        on=chosen, stand_ins={k: v for pairs in off for k, v in pairs.items()}
    )


def known(name: str) -> str:
    """Returns `name`; raises ValueError if there is no such defence."""
    if name not in NAMES:
        raise ValueError(f"{name!r} is not one of {', '.join(NAMES)}")
    return name


def on(name: str) -> bool:
    """Whether defence `name` is on in the current app."""
    return known(name) in current_app.extensions["defences"].on


def state(key: str, make: Callable) -> Any:
    """The state of a defence under `key` in the current app, made at first use."""
    memory = current_app.extensions["defences"].state
    return memory[key] if key in memory else memory.setdefault(key, make())


def switchable(function: Callable) -> Callable:
    """Decorator for a function that a defence replaces: when it is off, the function in the app's table is called.

    Put it outermost, so that nothing remains of a defence that is off.
    """

    @functools.wraps(function)
    def chosen(*args, **kwargs):
        return current_app.extensions["defences"].stand_ins.get(chosen, function)(*args, **kwargs)

    return chosen


if __name__ == "__main__":  # `python -m services.defences.switch all,-deadline`: is that a valid choice?
    try:
        parse(sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
