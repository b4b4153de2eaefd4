"""Whether a success said what was planned for it: the flag of a wrong answer, from schedule and history."""

from __future__ import annotations

from typing import Any

from tests.independent.folder import OK, Request


def is_wrong(request: Request, told: Any) -> bool:
    """Whether `told` is no right answer to an acknowledged request."""
    planned = request.arrival.get("expect")
    return request.outcome == OK and planned is not None and not says(planned, told)


def says(planned: Any, told: Any) -> bool:
    """An object may say more than was planned; all else is the same, or what a mark allows for."""
    if isinstance(planned, list):
        return isinstance(told, list) and len(planned) == len(told) and all(map(says, planned, told))
    if not isinstance(planned, dict):
        return type(planned) is type(told) and bool(planned == told)
    for mark, allows in MARKS.items():
        if mark in planned:
            return allows(planned[mark], told)
    if not isinstance(told, dict):
        return False
    return all(name in told and says(value, told[name]) for name, value in planned.items())


def begins(planned: Any, told: Any) -> bool:
    return isinstance(told, list) and says(planned, told[: len(planned)])


def holds(planned: Any, told: Any) -> bool:
    return isinstance(told, list) and any(says(planned, one) for one in told)


def lies(planned: Any, told: Any) -> bool:
    return type(told) in (int, float) and planned[0] <= told <= planned[1]


def is_one_of(planned: Any, told: Any) -> bool:
    return any(says(one, told) for one in planned)


def is_empty(_planned: Any, told: Any) -> bool:
    return told is None


MARKS = {"$first": begins, "$has": holds, "$between": lies, "$either": is_one_of, "$nothing": is_empty}
