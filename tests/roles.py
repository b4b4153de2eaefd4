"""PostgreSQL's roles in tests: the passwords that are always the same there, and the URLs with them."""

from __future__ import annotations

import psycopg

from lab.runtime.local.parts import postgres
from lab.runtime.local.parts.installing import DATABASE, SUPERUSER, Installation
from services import seed
from tests.standing import SECRETS

PASSWORDS = seed.Passwords(owner=SECRETS.owner, app=SECRETS.app, probe=SECRETS.probe)


def admit(install: Installation, port: int) -> None:
    """Let owner, service and probe into the new server at `port`."""
    with psycopg.connect(postgres.dsn(port, install.password)) as connection:
        connection.execute(seed.ROLES)
        seed.admit(connection, PASSWORDS)


def owner_of(port: int, database: str = DATABASE) -> str:
    """The owner's URL of `database` on the server at `port`."""
    return postgres.dsn(port, SECRETS.owner).removesuffix(DATABASE) + database


def as_service(owner: str) -> str:
    """The same for the service."""
    return owner.replace(f"{SUPERUSER}:{SECRETS.owner}@", f"app:{SECRETS.app}@")
