"""Reads everything in a twin's stores, past every proxy; the observer does so before the run and at its end.

It waits until the service is idle: one with a backlog may still be writing for callers who left long ago. If it is not
idle in time it is read as it is, and the list of sessions shows that.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

QUIET_FOR_S = 0.3
QUIET_WITHIN_S = 4.0
POLL_S = 0.05

ACTIVITY = """
    SELECT pid, state, wait_event_type, query,
           extract(epoch FROM clock_timestamp() - xact_start)::float AS xact_age_s
    FROM pg_stat_activity WHERE usename = 'app'
"""
UNCHANGED = """
    SELECT coalesce(extract(epoch FROM clock_timestamp() - max(state_change)), 0)::float AS unchanged_s
    FROM pg_stat_activity WHERE usename = 'app'
"""
CLOCK = "SELECT clock_timestamp() AS now"  # the clock that dated the rows
# Since the server started. A session reports its share when it ends a transaction, at most once a second.
COUNTERS = """
    SELECT deadlocks, xact_commit, xact_rollback, sessions_killed
    FROM pg_stat_database WHERE datname = current_database()
"""
LOCKS = """
    SELECT l.pid, l.locktype, l.mode, l.relation::regclass::text AS relation
    FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.usename = 'app'
"""


def read_all(connection: psycopg.Connection[dict[str, Any]], tables: Sequence[str]) -> dict[str, Any]:
    """Every one of `tables`, the service's sessions, the locks they wait for, and the database's clock and counters."""
    _await_quiet(connection)
    present = {row["name"] for row in connection.execute("SELECT tablename AS name FROM pg_tables")}
    state = {table: _rows(connection, table) if table in present else [] for table in tables}
    return state | {
        "activity": list(connection.execute(ACTIVITY)),
        "locks": list(connection.execute(LOCKS)),
        "clock": list(connection.execute(CLOCK)),
        "counters": list(connection.execute(COUNTERS)),
    }


def _rows(connection: psycopg.Connection[dict[str, Any]], table: str) -> list[dict[str, Any]]:
    """`table` comes from the lab's workload, never from outside."""
    columns = {row["name"] for row in connection.execute(COLUMNS, [table])}
    key = "id" if "id" in columns else "user_id"
    return list(connection.execute(f"SELECT * FROM {table} ORDER BY {key}"))


COLUMNS = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s"


def _await_quiet(connection: psycopg.Connection[dict[str, Any]]) -> None:
    """Wait until no session of the service has been active for a while, or the time is up.

    The server knows since when: if the service has been idle long enough before we ask, there is nothing to wait for.
    """
    now = time.monotonic()
    give_up, quiet_since = now + QUIET_WITHIN_S, now - _unchanged_s(connection)
    while True:
        if any(row["state"] != "idle" for row in connection.execute(ACTIVITY)):
            quiet_since = now
        if now >= give_up or now - quiet_since >= QUIET_FOR_S:
            return
        time.sleep(POLL_S)
        now = time.monotonic()


def _unchanged_s(connection: psycopg.Connection[dict[str, Any]]) -> float:
    """How long no session of the service has begun or ended anything; 0 if there is none."""
    (row,) = connection.execute(UNCHANGED)
    return float(row["unchanged_s"])


def charges(address: str, token: str, timeout_s: float) -> list[dict[str, Any]]:
    """All charges of the payments company at `address` (host:port)."""
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(f"http://{address}/charges", headers={"Authorization": f"Bearer {token}"})
    with directly.open(asked, timeout=timeout_s) as answer:
        items: list[dict[str, Any]] = json.load(answer)["items"]
    return items


def _plain(value: Any) -> Any:
    """Times in UTC, as the services and their clients write them: equal times are mostly equal text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """All tables of `config`, and all charges, as JSON. Raises psycopg.Error or OSError if a store does not answer."""
    options = f"-c statement_timeout={int(config['timeout_s'] * 1_000)}"
    with psycopg.connect(
        config["direct_dsn"],
        autocommit=True,
        row_factory=dict_row,
        connect_timeout=5,
        options=options,
        require_auth="scram-sha-256",  # else whoever listens there could ask for the password
    ) as conn:
        state = read_all(conn, config["tables"])
    state["charges"] = charges(config["direct_payments"], config["token"], config["timeout_s"])
    plain: dict[str, Any] = json.loads(json.dumps(state, default=_plain))
    return plain
