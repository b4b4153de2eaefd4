"""Idempotency: the same Idempotency-Key has its effect once, and gets the same answer every time for LIFETIME.

Guards the client that lost the answer and must ask again. The claim of the key, the effect and the answer are one
transaction, so they exist together or not at all. What was asked is compared by its meaning, as the route understood
it; another meaning under the key is refused (422), and so is whoever comes while the first is under way (409).
Costs two statements a write, and a table that someone must prune (`prune`, which the sweeper calls).
Hurts alone when the effect is not in the same database: a remote call inside holds the key while it waits, and is not
undone by the rollback. Make that a second step, and say by `first_step` what has become of the first: bookings do so
by `saga`, and without it have no keys.
Awaits S15: the answer of every first try is lost, and the clients ask again.

Its table is in schema/hardened.sql. Keys are the caller's own: nobody sees an answer that was another's.
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

# The lock is let go with the transaction, also by a session that dies. A key beyond its lifetime is claimed anew.
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
    """Decorator of a function that is one transaction and returns a JSON object: its effect happens once per key.

    The transaction is opened here, and the function's own `one_transaction.begin` joins it. Without a key, or with the
    defence off, the function is called as it is.
    """
    return first_step(lambda _, answer: answer)(effect)


def first_step(now: Callable[[Session, Answer], Answer | None]) -> Callable:
    """Decorator like `once`, of the first of several steps.

    `now(session, answer)` tells what has become of what was begun under the key: the answer to give, or to go on with;
    None when it was undone and must be done anew. It raises `under_way()` when another request is at it.
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
                g.key_is_free = True
                answer = effect(*asked)
                session.execute(STORE, claim | {"body": json.dumps(answer)})
                return answer

        return recorded

    return decorate


def under_way() -> Problem:
    """What to tell whoever comes with a key that another request is working on."""
    return Problem(
        409,
        f"another request with this {HEADER} is under way",
        reason="key_in_use",
        effect="unknown",
        headers={"Retry-After": "1"},
    )


def in_doubt() -> bool:
    """Whether an earlier request with this one's key may have had the effect: nobody looked, and it is no first try."""
    keyed = HEADER in request.headers and on("idempotency")
    return keyed and not g.get("key_is_free", request.headers.get(RETRIES) == "0")


def header(key: str) -> dict[str, str]:
    """The header that makes a call to another service idempotent; none when off."""
    return {HEADER: key} if on("idempotency") else {}


def prune(connection: sa.Connection) -> int:
    """Forget keys beyond their lifetime, some at a time; how many those were."""
    if not on("idempotency"):
        return 0
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
    """What was asked, as the route understood it: neither the order of members nor a time zone makes a difference."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _stored(session: Session, claim: dict[str, Any]) -> Answer:
    stored = session.execute(STORED, claim).one_or_none()
    if stored is None:  # claimed by a transaction that has not ended
        raise under_way()
    if stored.fingerprint != claim["fingerprint"]:
        raise unprocessable(f"this {HEADER} was used for another request", reason="key_reused")
    return json.loads(stored.body)
