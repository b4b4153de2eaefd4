"""Values as JSON and back, validated: a member that is missing, unknown or of another type is an error, never a guess.

If a value may be of several classes (a fault, a check, a state, an event, a sample), its "type" names the class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

import numpy as np
from cattrs import BaseValidationError, Converter, transform_error

from lab.checks.invariants import INVARIANTS
from lab.checks.slos import SLOS
from lab.faults import FAULTS
from lab.model import (
    EVENTS,
    Check,
    Event,
    Fault,
    LinkSample,
    LinkState,
    LoadState,
    PartSample,
    PartState,
    Sample,
    SessionsSample,
    State,
    StoreState,
)

T = TypeVar("T")
TAG = "type"
FAMILIES: tuple[tuple[type[Any], tuple[type[Any], ...]], ...] = (
    (State, (LinkState, PartState, StoreState, LoadState)),
    (Sample, (LinkSample, PartSample, SessionsSample)),
    (Fault, FAULTS),
    (Check, (*SLOS, *INVARIANTS)),
    (Event, EVENTS),
)
DIGITS = 6  # of a fraction: more would only be noise


class Damaged(ValueError):
    """What was read is invalid; the message says why, in a few words."""


def plain(value: Any) -> Any:
    """`value` as JSON. Fractions are rounded; infinity becomes "inf" or "-inf", NaN becomes null."""
    return CONVERTER.unstructure(value)


def structured(data: Any, into: type[T]) -> T:
    """The value of class `into` in `data`. Raises Damaged, which names the first member that does not fit."""
    try:
        return QUICK.structure(data, into)
    except Exception:  # noqa: BLE001 - it fails at the first problem, without naming the member
        return _explained(data, into)


def _explained(data: Any, into: type[T]) -> T:
    try:
        return CONVERTER.structure(data, into)
    except BaseValidationError as error:
        raise Damaged(transform_error(error)[0]) from error
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:  # a family's tag, or a list instead of an object
        raise Damaged(str(error) or type(error).__name__) from error


def _number(value: Any, _: object) -> float:
    if value in ("inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _whole(value: Any, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _text(value: Any, _: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _truth(value: Any, _: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _plain_number(number: float) -> float | str | None:
    if math.isfinite(number):
        return round(number, DIGITS)
    return None if math.isnan(number) else str(number)


def _object(data: Any, _: object) -> Mapping[str, Any]:
    """Kept as it is, because no class says what is in it; the names of a JSON object are text anyway."""
    if not isinstance(data, dict):
        raise TypeError(f"{data!r:.80} is not an object")
    return data


def _converter(*, detailed: bool) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=detailed)
    for kind, hook in ((float, _number), (int, _whole), (str, _text), (bool, _truth)):
        converter.register_structure_hook(kind, hook)
    for enumeration in (StrEnum, IntEnum):  # which are str and int as well
        converter.register_structure_hook(enumeration, lambda value, into: into(value))
    converter.register_unstructure_hook(float, _plain_number)
    converter.register_unstructure_hook(np.floating, lambda number: _plain_number(float(number)))
    converter.register_unstructure_hook(np.integer, int)
    converter.register_structure_hook_func(lambda into: into == Mapping[str, Any], _object)
    for base, members in FAMILIES:
        _family(converter, base, members)
    return converter


def _family(converter: Converter, base: type[Any], members: Iterable[type[Any]]) -> None:
    """`base` in an annotation stands for any of its `members`, told apart by the tag.

    (cattrs has a strategy for this, which takes a fifth of a second at each start to prepare for members that are not
    there.)
    """
    known = {member.__name__: member for member in members}

    def structure(data: Any, _: object) -> Any:
        untagged = dict(_object(data, _))
        return converter.structure(untagged, known[untagged.pop(TAG)])

    def is_family(into: Any) -> bool:
        return into is base

    converter.register_structure_hook_func(is_family, structure)
    converter.register_unstructure_hook_func(
        is_family, lambda value: {**converter.unstructure(value), TAG: type(value).__name__}
    )


CONVERTER = _converter(detailed=True)
QUICK = _converter(detailed=False)
