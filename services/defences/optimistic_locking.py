"""Optimistic locking: an update names the version that its author has read; if that is no longer the current one, the
answer is 412.

Guards against the lost update between two people. Both open version 3, both save; the second write overwrites the
first, and nobody is told. A lock cannot help: nobody holds one while a form is being filled in.
Costs a version column, one more condition in the UPDATE, and a client that reads again and merges after a 412.
Hurts alone when clients send no If-Match: nothing is checked then, and the last one wins as before. Without
`one_transaction` nothing is checked either, because the check is part of its UPDATE.
"""

import re
from typing import Any

import sqlalchemy as sa
from flask import request

from services.common.problems import Problem
from services.defences.switch import on


def etag(version: int) -> dict[str, str]:
    """The header that names the version of what is shown."""
    return {"ETag": f'"{version}"'} if on("optimistic_locking") else {}


def as_seen(version: Any) -> sa.ColumnElement[bool]:
    """The condition that the column `version` is one of those in If-Match; true without that header."""
    if not on("optimistic_locking") or "If-Match" not in request.headers or request.if_match.star_tag:
        return sa.true()
    # A tag that is no version matches none: whoever sends the header must not overwrite what they have not read.
    tags = [tag or "" for tag in request.if_match.as_set()]  # Werkzeug turns the tag "" into None
    return version.in_([int(tag) for tag in tags if re.fullmatch("[0-9]{1,9}", tag)])


def changed() -> Problem:
    """The answer if the version has changed."""
    return Problem(412, "it has changed since: read it again", reason="changed")
