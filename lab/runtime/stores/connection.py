"""A connection to a twin's PostgreSQL as its owner: each wait is bounded, nothing of the user's shell reaches it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors

from lab.model import LabError

TIMEOUT_S = 5.0


class SilentError(psycopg.OperationalError):
    """PostgreSQL did not answer in time."""


class Connection(psycopg.Connection[Any]):
    """A psycopg connection whose every wait ends."""

    def wait(self, gen: Generator[Any, Any, Any], *_: Any, **__: Any) -> Any:
        try:
            return super().wait(gen, timeout=TIMEOUT_S)
        except errors._WaitTimeout:  # noqa: SLF001  what `wait(timeout=)` raises has no public name
            self.pgconn.finish()
            raise SilentError(f"PostgreSQL did not answer within {TIMEOUT_S:g} s") from None


def connect(dsn: str, name: str) -> Connection:
    """A new session, called `name` in pg_stat_activity. Whoever listens there instead is not told the password."""
    for variable in [variable for variable in os.environ if variable.startswith("PG")]:
        del os.environ[variable]  # libpq would obey them
    return Connection.connect(
        dsn,
        autocommit=True,
        application_name=name,
        connect_timeout=int(TIMEOUT_S),
        sslmode="disable",
        gssencmode="disable",
        require_auth="scram-sha-256",
    )


@contextmanager
def reaching() -> Iterator[None]:
    """Turns psycopg's errors into a LabError of one line."""
    try:
        yield
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise LabError(f"The database cannot be used: {reason}.") from error
