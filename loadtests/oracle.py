"""The oracle: whether a success says what it must.

An expectation is JSON, planned from the seed data and from what the client has asked for. A value must be equal, an
object must have at least the members that are named, a list must be the same item by item. Some values allow for what
others add: {FIRST: [...]} is a list that begins with these, {HAS: item} a list with this item somewhere, {BETWEEN:
[low, high]} a number from low to high. {EITHER: [one, other]} leaves a choice to the service. {NOTHING: true} is an
answer without any content.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FIRST = "$first"
HAS = "$has"
BETWEEN = "$between"
EITHER = "$either"
NOTHING = "$nothing"
PLANTED = "planted by the oracle's own check"


def is_wrong(expect: Any, answered: Any) -> bool:
    """Whether `answered` is not what `expect` says; nothing is expected of None."""
    return expect is not None and not matches(expect, answered)


def matches(expect: Any, answered: Any) -> bool:
    if isinstance(expect, dict) and FIRST in expect:
        begin = expect[FIRST]
        return isinstance(answered, list) and matches(begin, answered[: len(begin)])
    if isinstance(expect, dict) and HAS in expect:
        return isinstance(answered, list) and any(matches(expect[HAS], item) for item in answered)
    if isinstance(expect, dict) and EITHER in expect:
        return any(matches(one, answered) for one in expect[EITHER])
    if isinstance(expect, dict) and NOTHING in expect:
        return answered is None
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
    """Copies of `answered`; in each, another one of the things that `expect` names is wrong."""
    yield PLANTED
    if isinstance(expect, dict) and FIRST in expect:
        yield from _in_list(expect[FIRST], answered)
    elif isinstance(expect, dict) and HAS in expect:
        others = [item for item in answered if not matches(expect[HAS], item)]
        yield others
        item = next(item for item in answered if matches(expect[HAS], item))
        for wrong in planted(expect[HAS], item):
            yield [*others, wrong]
    elif isinstance(expect, dict) and EITHER in expect:
        yield from planted(next(one for one in expect[EITHER] if matches(one, answered)), answered)
    elif isinstance(expect, dict) and BETWEEN in expect:
        low, high = expect[BETWEEN]
        yield from (low - 1, high + 1)
    elif isinstance(expect, dict) and NOTHING not in expect:
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
