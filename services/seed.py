"""Loads roles, schema and seed data into a twin's database, replacing everything that was there.

    python -m services.seed --dsn postgresql://lab@127.0.0.1:5432/lab --schema hardened --defences all

With --keep, data that is there already stays as it is.

Passwords come in the environment, since everybody can read a command line: PGPASSWORD lets the owner in now;
OWNER_PASSWORD, APP_PASSWORD and PROBE_PASSWORD let owner, service and probe in from then on.

Every value follows from the row's number, so a client knows the right answer from the sizes alone: booking `i` is for
room `1 + (i-1) % rooms` by user `1 + (i-1) % users`, confirmed, in 2025, and overlaps no other.
"""

import argparse
import base64
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from services.defences import choice

SCHEMA = Path(__file__).parent / "schema"
FIRST_SLOT = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
WALLET_CENTS = 100_000
FILLED = ("users", "rooms", "bookings", "profiles", "audit", "wallets")
READY_TIMEOUT_S = 15.0
POLL_S = 0.02

ROLES = """
DO $$ BEGIN
    IF to_regrole('app') IS NULL THEN CREATE ROLE app; END IF;
    IF to_regrole('probe') IS NULL THEN CREATE ROLE probe; END IF;
END $$;
ALTER ROLE app LOGIN;
ALTER ROLE probe LOGIN;
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;
"""


@dataclass(frozen=True, kw_only=True)
class Passwords:
    """The password of each role."""

    owner: str
    app: str
    probe: str


def main() -> None:
    """Read the command line and load."""
    parser = argparse.ArgumentParser(prog="python -m services.seed", description=__doc__.splitlines()[0])
    parser.add_argument("--dsn", required=True, help="libpq URL of the owner")
    parser.add_argument("--schema", choices=schemas(), required=True)
    parser.add_argument(
        "--defences", type=_defences, default="all", help='as DEFENCES, for example "all,-constraints"'
    )
    for name, size in (("users", 500), ("rooms", 40), ("bookings", 2_000), ("wallets", 500)):
        parser.add_argument(f"--{name}", type=int, default=size, metavar="N")
    parser.add_argument("--keep", action="store_true", help="keep data that is there already")
    passwords = Passwords(
        **{role: os.environ[f"{role.upper()}_PASSWORD"] for role in ("owner", "app", "probe")}
    )
    chosen = vars(parser.parse_args())
    if not (chosen.pop("keep") and loaded(chosen["dsn"])):
        load(**chosen, passwords=passwords)


def _defences(text: str) -> frozenset[str]:
    """As choice.parse, but so that argparse prints its sentence, with the known names."""
    try:
        return choice.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def schemas() -> list[str]:
    """The names to choose from: one file each, beside what all of them have in common."""
    return sorted(path.stem for path in SCHEMA.glob("*.sql") if path.stem != "common")


def loaded(dsn: str) -> bool:
    """Whether there is data. All of it came in one transaction, so the first table stands for the rest."""
    with connect(dsn) as connection:
        return connection.execute("SELECT to_regclass('public.users') IS NOT NULL").fetchone() == (True,)


def load(*, dsn: str, schema: str, defences: frozenset[str], passwords: Passwords, **sizes: int) -> None:
    """Rebuild the database at `dsn` in one transaction. `sizes` are users, rooms, bookings and wallets."""
    with connect(dsn) as connection:
        connection.execute(ROLES)
        admit(connection, passwords)
        connection.execute((SCHEMA / "common.sql").read_text())
        fill(connection, **sizes)
        for section in sections((SCHEMA / f"{schema}.sql").read_text(), defences):
            connection.execute(section)
        connection.execute(f"ANALYZE {', '.join(FILLED)}")  # these alone: the catalogues would take longer


def connect(dsn: str) -> psycopg.Connection:
    """A connection as soon as there is one: the server may still be starting. Nobody is told the password in clear."""
    give_up = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            return psycopg.connect(dsn, require_auth="scram-sha-256")
        except psycopg.OperationalError:
            if time.monotonic() > give_up:
                raise
        time.sleep(POLL_S)


def admit(connection: psycopg.Connection, passwords: Passwords) -> None:
    """Let each role in by its password. The service logs in the usual way; the lab's own roles must not cost CPU."""
    connection.execute(sql.SQL("ALTER ROLE app PASSWORD {}").format(passwords.app))
    for role, password in (("CURRENT_USER", passwords.owner), ("probe", passwords.probe)):
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.SQL(role), quick_secret(password))
        connection.execute(statement)


def quick_secret(password: str) -> str:
    """What PostgreSQL stores for `password`, made so that checking it takes one hash instead of 4,096.

    So many hashes slow down the guessing of passwords that people think up. A random password needs no such help.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    client_key, server_key = (hmac.digest(salted, name, "sha256") for name in (b"Client Key", b"Server Key"))
    stored_key = hashlib.sha256(client_key).digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return "SCRAM-SHA-256$1:{}${}:{}".format(*encoded)


def sections(script: str, defences: frozenset[str]) -> Iterator[str]:
    """The parts of `script` to run: what follows `-- defence: NAME` only if that defence is on."""
    head, *named = re.split(r"^-- defence: (\w+)$", script, flags=re.MULTILINE)
    yield head
    for name, section in zip(named[::2], named[1::2], strict=True):
        if name in defences:
            yield section


def fill(connection: psycopg.Connection, users: int, rooms: int, bookings: int, wallets: int) -> None:
    """Write the seed data, ids from 1 on."""
    copy(
        connection,
        "users (id, name, email)",
        ((i, f"User {i}", f"user{i}@example.com") for i in count(users)),
    )
    copy(
        connection,
        "rooms (id, name, hourly_price_cents)",
        ((i, f"Studio {i}", 1_000 + 100 * i) for i in count(rooms)),
    )
    copy(
        connection,
        "bookings (id, user_id, room_id, starts_at, ends_at, status, price_cents)",
        (booking(i, users, rooms, bookings) for i in count(bookings)),
    )
    first = [(i, f"User {i}", "", 1) for i in count(users)]
    copy(connection, "profiles (user_id, display_name, bio, version)", first)
    copy(connection, "audit (user_id, display_name, bio, version)", first)
    copy(
        connection,
        "wallets (id, user_id, balance_cents)",
        ((i, 1 + (i - 1) % users, WALLET_CENTS) for i in count(wallets)),
    )
    for table in ("users", "rooms", "bookings", "wallets"):
        connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")


def count(size: int) -> range:
    return range(1, size + 1)


def booking(i: int, users: int, rooms: int, bookings: int) -> tuple[object, ...]:
    """Row `i`: each room is taken hour after hour from the first of January, in shorter slots if they exceed a year."""
    place, room_id = (i - 1) // rooms, 1 + (i - 1) % rooms
    length = min(timedelta(hours=1), YEAR / -(-bookings // rooms))
    starts_at = FIRST_SLOT + place * length
    return i, 1 + (i - 1) % users, room_id, starts_at, starts_at + length, "confirmed", 1_000 + 100 * room_id


def copy(connection: psycopg.Connection, target: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor().copy(f"COPY {target} FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)


if __name__ == "__main__":
    main()
