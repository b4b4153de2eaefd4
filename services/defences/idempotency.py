"""Idempotency: a request with the same Idempotency-Key takes effect once, and gets the same answer every time for
LIFETIME.

Guards clients that lost the answer and must ask again. The claim of the key, the effect and the answer are one
transaction, so they exist together or not at all. Requests are compared by meaning, as the route understood them. A
request with another meaning under the same key is refused (422), and so is one that arrives while the first is still
running (409).
Costs two statements per write, and a table that must be pruned, which a thread of the service does (the sweeper).
Hurts alone when the effect is not in the same database: a remote call inside the transaction holds the key while it
waits, and a rollback does not undo it. Make the call a second step; at a retry, `first_step` finds out how far the work
under its key got. With `saga`, bookings work in two such steps; without it they ignore keys.

Its table is in schema/hardened.sql. Keys belong to their caller: nobody gets an answer that was meant for another.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import current_app, g, request
from sqlalchemy.orm import Session

from services.common.problems import Problem, unprocessable
from services.defences import one_transaction
from services.defences.switch import on

HEADER = "Idempotency-Key"
RETRIES = "X-Retry-Count"
KEY = re.compile(r"[!-~]{1,128}")
LIFETIME = timedelta(hours=24)
PRUNED_AT_ONCE = 1_000

# The advisory lock ends with the transaction, even if the session dies. An expired key can be claimed again.
CLAIM = sa.text("""
    INSERT INTO idempotency (caller, route, key, fingerprint)
    SELECT :caller, :route, :key, :fingerprint
    WHERE pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', :caller, :route, :key), 0))
    ON CONFLICT (caller, route, key) DO UPDATE SET fingerprint = :fingerprint, body = NULL, created_at = now()
        WHERE idempotency.created_at < now() - CAST(:lifetime AS interval)
    RETURNING key
""").bindparams(*(sa.bindparam(name, type_=sa.Text) for name in ("caller", "route", "key", "fingerprint")))
STORE = sa.text("""
    UPDATE idempotency SET body = :body WHERE caller = :caller AND route = :route AND key = :key
""")
STORED = sa.text("""
    SELECT fingerprint, body FROM idempotency WHERE caller = :caller AND route = :route AND key = :key FOR UPDATE
""")
PRUNE = sa.text("""
    DELETE FROM idempotency WHERE ctid IN (
        SELECT ctid FROM idempotency WHERE created_at < now() - CAST(:lifetime AS interval) LIMIT :at_once)
""")

Answer = dict[str, Any]


def once(effect: Callable) -> Callable:
    """Decorator for a function that is one transaction and returns a JSON object: it takes effect once per key.

    The transaction is opened here, and the function's own `one_transaction.begin` joins it. Without a key, or with the
    defence off, the function is called as it is.
    """
    recorded = first_step(lambda _, answer: answer)(effect)
    recorded.once = True
    return recorded


def protects(effect: Callable) -> bool:
    """Whether this request may call `effect` again even if it was done: `once` would return the same answer."""
    return getattr(effect, "once", False) and HEADER in request.headers and on("idempotency")


def first_step(now: Callable[[Session, Answer], Answer | None]) -> Callable:
    """Decorator like `once`, for the first of several steps.

    `now(session, answer)` says what became of the work begun under the key: the answer to give or to continue with, or
    None if it was undone and must be done again. It raises `under_way()` if another request is working on it.
    """

    def decorate(effect: Callable) -> Callable:
        @functools.wraps(effect)
        def recorded(*asked: Any) -> Answer:
            key = request.headers.get(HEADER, "")
            if HEADER not in request.headers or not on("idempotency"):
                return effect(*asked)
            if not KEY.fullmatch(key):
                raise unprocessable(f"{HEADER}: 1 to 128 visible characters of ASCII")
            g.pop("key_is_free", None)
            claim = _claim(key, asked)
            with one_transaction.begin(current_app.extensions["session"]()) as session:
                if session.scalar(CLAIM, claim) is None:
                    g.key_is_free = False
                    answer = now(session, _stored(session, claim))
                    if answer is not None:
                        return answer
                # No earlier try under this key is in effect, and this request has had no other effect yet.
                g.key_is_free, g.effect_is_possible = True, False
                answer = effect(*asked)
                session.execute(STORE, claim | {"body": json.dumps(answer)})
                return answer

        return recorded

    return decorate


def under_way() -> Problem:
    """The answer to a request whose key another request is working on."""
    return Problem(
        409,
        f"another request with this {HEADER} is under way",
        reason="key_in_use",
        effect="unknown",
        headers={"Retry-After": "1"},
    )


def in_doubt() -> bool:
    """Whether an earlier request with this key may have taken effect: nobody checked, and this is not the first try."""
    keyed = HEADER in request.headers and on("idempotency")
    return keyed and not g.get("key_is_free", request.headers.get(RETRIES) == "0")


def header(key: str) -> dict[str, str]:
    """The header that makes a call to another service idempotent; none when off."""
    return {HEADER: key} if on("idempotency") else {}


def prune(connection: sa.Connection) -> int:
    """Delete expired keys, some at a time; returns how many."""
    with connection.begin():
        return connection.execute(PRUNE, {"lifetime": LIFETIME, "at_once": PRUNED_AT_ONCE}).rowcount


def _claim(key: str, asked: tuple[Any, ...]) -> dict[str, Any]:
    caller = g.get("caller")
    return {
        "caller": "operator" if caller is None or caller.operator else f"user {caller.user_id}",
        "route": f"{request.method} {request.url_rule}",
        "key": key,
        "fingerprint": _fingerprint(asked),
        "lifetime": LIFETIME,
    }


def _fingerprint(asked: tuple[Any, ...]) -> str:
    """A hash of the request as the route understood it: the order of members and the time zone make no difference."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _stored(session: Session, claim: dict[str, Any]) -> Answer:
    stored = session.execute(STORED, claim).one_or_none()
    if stored is None:  # claimed by a transaction that is still open
        raise under_way()
    if stored.fingerprint != claim["fingerprint"]:
        raise unprocessable(f"this {HEADER} was used for another request", reason="key_reused")
    return json.loads(stored.body)
