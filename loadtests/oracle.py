"""The oracle: whether a success says what it must.

An expectation is JSON, planned from the seed data. A value must be equal, an object must have at least the members that
are named, a list must be the same item by item. Two values allow for what the run adds to the seed: {FIRST: [...]} is a
list that begins with these, {BETWEEN: [low, high]} a number from low to high.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FIRST = "$first"
BETWEEN = "$between"
PLANTED = "planted by the oracle's own check"


def is_wrong(expect: Any, answered: Any) -> bool:
    """Whether `answered` is not what `expect` says; nothing is expected of None."""
    return expect is not None and not matches(expect, answered)


def matches(expect: Any, answered: Any) -> bool:
    if isinstance(expect, dict) and FIRST in expect:
        begin = expect[FIRST]
        return isinstance(answered, list) and matches(begin, answered[: len(begin)])
    if isinstance(expect, dict) and BETWEEN in expect:
        low, high = expect[BETWEEN]
        number = isinstance(answered, int | float) and not isinstance(answered, bool)
        return number and low <= answered <= high
    if isinstance(expect, dict):
        return isinstance(answered, dict) and all(
            name in answered and matches(value, answered[name]) for name, value in expect.items()
        )
    if isinstance(expect, list):
        return (
            isinstance(answered, list)
            and len(answered) == len(expect)
            and all(map(matches, expect, answered))
        )
    return type(expect) is type(answered) and bool(expect == answered)


def rejects_planted_wrong(expect: Any, right: Any) -> bool:
    """Whether the oracle still sees: `right` becomes wrong as soon as anything in it that matters is changed."""
    return all(is_wrong(expect, wrong) for wrong in planted(expect, right))


def planted(expect: Any, answered: Any) -> Iterator[Any]:
    """`answered` with one thing changed that `expect` names, each in turn."""
    yield PLANTED
    if isinstance(expect, dict) and FIRST in expect:
        yield from _in_list(expect[FIRST], answered)
    elif isinstance(expect, dict) and BETWEEN in expect:
        low, high = expect[BETWEEN]
        yield from (low - 1, high + 1)
    elif isinstance(expect, dict):
        for name, value in expect.items():
            yield {other: found for other, found in answered.items() if other != name}
            for wrong in planted(value, answered[name]):
                yield {**answered, name: wrong}
    elif isinstance(expect, list):
        yield [*answered, PLANTED]
        yield from _in_list(expect, answered)


def _in_list(expect: list[Any], answered: list[Any]) -> Iterator[Any]:
    if expect:
        yield answered[1:]
        for wrong in planted(expect[0], answered[0]):
            yield [wrong, *answered[1:]]
