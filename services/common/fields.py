"""Reading a JSON body: each field by a function that returns its value or raises ValueError with the reason.

    wanted = fields(user_id=an_id, starts_at=an_instant, reference=a_text(64))

A missing, superfluous or wrong field ends the request with 422 and names the field.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from flask import request

from services.common.problems import unprocessable

ID_MAX = 2**31 - 1


def fields(**readers: Callable[[Any], Any]) -> dict[str, Any]:
    """The fields of the request's JSON body, read by `readers`."""
    body = request.get_json()
    if not isinstance(body, dict):
        raise unprocessable("the body must be a JSON object")
    if unknown := sorted(body.keys() - readers.keys()):
        raise unprocessable(f"{unknown[0]}: not a field of this request")
    return {name: read(name, reader, body.get(name)) for name, reader in readers.items()}


def read(name: str, reader: Callable[[Any], Any], value: Any) -> Any:
    """One value, from a body or a query string, by its reader."""
    try:
        return reader(value)
    except ValueError as error:
        raise unprocessable(f"{name}: {error}") from None


def an_id(value: Any) -> int:
    return _integer(value, 1, ID_MAX)


def cents(value: Any) -> int:
    return _integer(value, 1, ID_MAX)


def _integer(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"must be an integer from {least} to {most}")
    return value


def a_text(longest: int, shortest: int = 1) -> Callable[[Any], str]:
    """A reader of text that PostgreSQL can store: no NUL, no lone surrogate."""

    def reader(value: Any) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise ValueError(f"must be a text of {shortest} to {longest} characters")
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("must not contain NUL or lone surrogates")
        return value

    return reader


def an_instant(value: Any) -> datetime:
    """RFC 3339 with its offset, as UTC."""
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError('must be an instant with its offset, like "2030-01-01T10:00:00Z"')


def a_day(value: Any) -> date:
    try:
        if date.fromisoformat(value).isoformat() == value:  # not "20300101" nor "2030-W01-2"
            return date.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    raise ValueError('must be a day, like "2030-01-01"')


def a_number(least: int, most: int) -> Callable[[Any], int]:
    """A reader of a whole number in a query string."""

    def reader(value: str) -> int:
        return _integer(int(value) if value.isascii() and value.isdigit() else None, least, most)

    return reader


def one_of(*words: str) -> Callable[[Any], str]:
    """A reader of one of `words`."""

    def reader(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return reader
