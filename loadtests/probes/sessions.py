"""The sessions of a database, as the server reports them: past every proxy, over one connection that stays open.

A sample is one query. If the previous one is still waiting for its answer, it waits behind it, and gives up in time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

NAME = "failure-lab-probe"
COUNTS = ("service", "held", "waiting")
QUERY = """
    SELECT count(*) FILTER (WHERE usename = 'app') AS service,
        count(*) FILTER (WHERE application_name = %s) AS held,
        count(*) FILTER (WHERE usename = 'app' AND wait_event_type = 'Lock') AS waiting,
        coalesce(extract(epoch FROM max(clock_timestamp() - backend_start) FILTER (WHERE usename = 'app')), 0)::float
            AS oldest_s,
        (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - waitstart)), 0)::float FROM pg_locks
            WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE usename = 'app')) AS longest_wait_s,
        greatest(0, current_setting('max_connections')::int - current_setting('reserved_connections')::int
            - current_setting('superuser_reserved_connections')::int - count(*))::int AS free,
        (SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()) AS deadlocks,
        coalesce(array_agg(pid) FILTER (WHERE usename = 'app'), '{}') AS pids
    FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


class Connection(psycopg.AsyncConnection[dict[str, Any]]):
    """A connection whose every wait ends after `timeout_s`; a cancelled task would go on for seconds."""

    timeout_s: float

    async def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        try:
            return await super().wait(gen, timeout=self.timeout_s)
        except errors._WaitTimeout:  # noqa: SLF001  it has no public name
            self.pgconn.finish()
            raise TimeoutError from None


class SessionsProbe:
    """Samples the database of `config`; the next sample reopens a broken connection."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._pids: set[int] = set()

    async def look(self, t0: float) -> dict[str, Any]:
        """One sample, as the fields of lab.model.SessionsSample. Never raises; each of its waits is bounded."""
        start_s, error, seen = time.monotonic() - t0, "", dict.fromkeys(COUNTS, 0)
        try:
            async with asyncio.timeout(self._config["timeout_s"]):
                await self._turn.acquire()
        except TimeoutError:
            return self._sample(start_s, "timeout", seen)
        try:
            start_s = time.monotonic() - t0
            seen = await self._ask()
        except TimeoutError:
            error = "timeout"
        except psycopg.Error as failure:
            error = _named(failure)
        finally:
            if error:
                await self.close()
            self._turn.release()
        return self._sample(start_s, error, seen)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self) -> dict[str, Any]:
        if self._connection is None:
            async with asyncio.timeout(self._config["timeout_s"]):
                connection = await Connection.connect(
                    self._config["dsn"],
                    autocommit=True,
                    row_factory=dict_row,
                    application_name=NAME,
                    require_auth="scram-sha-256",  # else whoever listens there could ask for the password
                )
            connection.timeout_s = self._config["timeout_s"]
            self._connection = connection
        cursor = await self._connection.execute(QUERY, [self._config["mark"]])
        (row,) = await cursor.fetchall()
        pids = set(row.pop("pids"))
        ended, self._pids = len(self._pids - pids), pids
        return {**row, "ended": ended}

    def _sample(self, start_s: float, error: str, seen: dict[str, Any]) -> dict[str, Any]:
        asked = {"type": "SessionsSample", "target": self._config["target"], "start_s": round(start_s, 6)}
        return {**asked, "error": error, **seen}


def _named(failure: psycopg.Error) -> str:
    """Why there was no answer, in one word."""
    told = str(failure)
    return next((word for word in ("too many clients", "refused", "starting up") if word in told), "closed")
