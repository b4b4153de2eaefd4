"""The token by which the load may act for every user; services/common/auth.py reads it."""

from __future__ import annotations

from itsdangerous import URLSafeSerializer

SALT = "bearer"


def operator(key: str) -> str:
    """An operator's token, signed with the run's `key`."""
    return str(URLSafeSerializer(key, salt=SALT).dumps({"operator": True}))
