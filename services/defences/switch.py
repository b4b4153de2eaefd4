"""Which defences are on, by the `DEFENCES` setting, and what is called instead when one is off.

The choice and the state of every defence live on the app, so two apps in one process never share a breaker.
"""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, current_app

from services.defences.choice import known, parse

# By defence: the functions that it replaces, and what is called instead when it is off.
Table = Mapping[str, Mapping[Callable, Callable]]


@dataclass
class Defences:
    """The defences of one app: which are on, what is called instead of the others, and the state of each."""

    on: frozenset[str]
    stand_ins: Mapping[Callable, Callable] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


def init_app(app: Flask, without: Table | None = None) -> None:
    """Read the choice from the app's setting DEFENCES, else from the environment.

    `without` says what is called when a defence is off.
    """
    chosen = parse(app.config.get("DEFENCES", os.environ.get("DEFENCES", "all")))
    off = [pairs for name, pairs in (without or {}).items() if known(name) not in chosen]
    app.extensions["defences"] = Defences(
        on=chosen, stand_ins={k: v for pairs in off for k, v in pairs.items()}
    )


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
