"""The token that lets the load act for every user; services/common/auth.py checks it."""

from __future__ import annotations

SALT = "bearer"


def operator(key: str) -> str:
    """An operator's token, signed with the run's `key`."""
    from itsdangerous import URLSafeSerializer

    return str(URLSafeSerializer(key, salt=SALT).dumps({"operator": True}))
