"""The tokens of those who send the load; services/common/auth.py checks them."""

from __future__ import annotations

SALT = "bearer"


def token(key: str, user: int | None = None) -> str:
    """The token of a user, or of an operator, who may act for every user; signed with the run's `key`."""
    from itsdangerous import URLSafeSerializer

    caller = {"operator": True} if user is None else {"user_id": user}
    return str(URLSafeSerializer(key, salt=SALT).dumps(caller))
