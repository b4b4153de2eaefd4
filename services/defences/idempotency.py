"""Idempotency: the same Idempotency-Key has its effect once, and gets the same answer every time.

Guards the client that lost the answer and must ask again. The claim of the key, the effect and the answer are one
transaction, so they exist together or not at all; a second request with the key waits for the first at its INSERT.
Costs two statements a write, and a table that someone must prune.
Hurts alone when the effect is not in the same database: a remote call inside holds the key's lock while it waits, and
is not undone by the rollback. Make that a second step, under the same key (see `once`).

Its table is in schema/hardened.sql: idempotency(key, route, fingerprint, body, created_at), primary key (key, route).
"""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import current_app, request
from sqlalchemy.orm import Session

from services.common.problems import unprocessable
from services.defences import one_transaction
from services.defences.switch import on

HEADER = "Idempotency-Key"
KEY_LENGTH_MAX = 128

CLAIM = sa.text(
    "INSERT INTO idempotency (key, route, fingerprint) VALUES (:key, :route, :fingerprint)"
    " ON CONFLICT DO NOTHING RETURNING key"
)
STORE = sa.text("UPDATE idempotency SET body = :body WHERE key = :key AND route = :route")
STORED = sa.text("SELECT fingerprint, body FROM idempotency WHERE key = :key AND route = :route")


def once(effect: Callable) -> Callable:
    """Decorator of a function that is one transaction and returns a JSON object: its effect happens once per key.

    The transaction is opened here, and the function's own `one_transaction.begin` joins it. Without a key, or with the
    defence off, the function is called as it is.

    Where the work takes several steps, decorate the first: it returns its stored answer when asked again, and the
    steps after it, idempotent by themselves (a charge under the same key, an UPDATE to a fixed state), are repeated.
    """

    @functools.wraps(effect)
    def recorded(*args, **kwargs):
        key = request.headers.get(HEADER, "")
        if not key or not on("idempotency"):
            return effect(*args, **kwargs)
        if len(key) > KEY_LENGTH_MAX:
            raise unprocessable(f"{HEADER}: at most {KEY_LENGTH_MAX} characters")
        claim = {"key": key, "route": str(request.url_rule), "fingerprint": _fingerprint()}
        with one_transaction.begin(current_app.extensions["session"]()) as connection:
            # Waits while another request holds the key, until that one commits or rolls back.
            if connection.scalar(CLAIM, claim) is None:
                return _stored(connection, claim)
            answer = effect(*args, **kwargs)
            connection.execute(STORE, claim | {"body": json.dumps(answer)})
            return answer

    return recorded


def header(key: str) -> dict[str, str]:
    """The header that makes a call to another service idempotent; none when off."""
    return {HEADER: key} if on("idempotency") else {}


def _stored(connection: Session, claim: dict[str, str]) -> dict[str, Any]:
    stored = connection.execute(STORED, claim).one()
    if stored.fingerprint != claim["fingerprint"]:
        raise unprocessable(f"this {HEADER} was used for another request")
    return json.loads(stored.body)


def _fingerprint() -> str:
    """What was asked. The path is part of it: one route serves many resources."""
    asked = b"\n".join([request.method.encode(), request.path.encode(), request.get_data()])
    return hashlib.sha256(asked).hexdigest()
