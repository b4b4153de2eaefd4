"""Constraints: the database itself refuses what must never be true, here two bookings of one room at the same time.

Guards against check-then-act. "SELECT says it is free, so INSERT" leaves a gap in which another request does the same,
and no isolation level that people really use closes it. An exclusion constraint has no gap: the second INSERT fails
(23P01) or, with ON CONFLICT DO NOTHING, returns no row.
Costs an index that each write must maintain, and a database error to translate into a 409 where an `if` used to do.
Hurts alone when nobody translates the error: a lost race, which is an everyday event, then becomes a 500.

The seed loads the constraint only when this defence is on.
"""

import sqlalchemy as sa
from flask import Flask, Response
from psycopg import errors

from services.common.problems import conflict, unexpected


def init_app(app: Flask) -> None:
    """Answer a lost race for a room with 409."""
    app.register_error_handler(sa.exc.IntegrityError, _answer)


def _answer(error: sa.exc.IntegrityError) -> Response:
    if isinstance(error.orig, errors.ExclusionViolation):
        return conflict("the room is taken at that time", "room_taken").response()
    return unexpected(error)
