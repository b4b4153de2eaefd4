"""Idempotency: the same Idempotency-Key has its effect once, and gets the same answer every time.

Guards the client that lost the answer and must ask again. The claim of the key, the effect and the answer are one
transaction, so they exist together or not at all; a second request with the key waits for the first at its INSERT.
Costs two statements a write, and a table that someone must prune.
Hurts alone when the effect is not in the same database: a remote call inside holds the key's lock while it waits, and is
not undone by the rollback. Make that a second step, under the same key (see `once`).

Needs the table
    idempotency(key text primary key, route text not null, fingerprint text not null, body jsonb,
                created_at timestamptz not null default now())
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, ParamSpec

import sqlalchemy as sa
from flask import current_app, request
from psycopg.types.json import Jsonb

from services.common import metrics
from services.common.problems import unprocessable
from services.defences.switch import on

P = ParamSpec("P")
Answer = dict[str, Any]

KEY_LENGTH_MAX = 128

CLAIM = sa.text(
    "INSERT INTO idempotency (key, route, fingerprint) VALUES (:key, :route, :fingerprint) ON CONFLICT DO NOTHING"
)
STORED = sa.text("SELECT fingerprint, body FROM idempotency WHERE key = :key")
STORE = sa.text("UPDATE idempotency SET body = :body WHERE key = :key")


def once(effect: Callable[P, Answer]) -> Callable[P, Answer]:
    """Decorator of a function that is one transaction and returns a JSON object: its effect happens once per key.

    The transaction is opened here, and the function's own `database.begin()` joins it. Without a key, or with the
    defence off, the function is called as it is.

    Where the work takes several steps, decorate the first: it returns its stored answer when asked again, and the
    steps after it, idempotent by themselves (a charge under the same key, an UPDATE to a fixed state), are repeated.
    """

    @functools.wraps(effect)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> Answer:
        key = request.headers.get("Idempotency-Key", "")
        if not key or not on("idempotency"):
            return effect(*args, **kwargs)
        if len(key) > KEY_LENGTH_MAX:
            raise unprocessable(f"Idempotency-Key: at most {KEY_LENGTH_MAX} characters")
        with current_app.extensions["database"].begin() as connection:
            if not _claimed(connection, key):
                return _stored(connection, key)
            answer = effect(*args, **kwargs)
            connection.execute(STORE, {"key": key, "body": Jsonb(answer)})
            return answer

    return recorded


def _claimed(connection: sa.Connection, key: str) -> bool:
    """Whether the key is ours now. Waits while another request holds it, until that commits or rolls back."""
    row = {"key": key, "route": metrics.route(), "fingerprint": _fingerprint()}
    return connection.execute(CLAIM, row).rowcount == 1


def _stored(connection: sa.Connection, key: str) -> Answer:
    stored = connection.execute(STORED, {"key": key}).one()
    if stored.fingerprint != _fingerprint():
        raise unprocessable("this Idempotency-Key was used for another request")
    return dict(stored.body)


def _fingerprint() -> str:
    asked = b"\n".join([request.method.encode(), request.path.encode(), request.get_data()])
    return hashlib.sha256(asked).hexdigest()
