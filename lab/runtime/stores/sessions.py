"""The sessions of a twin's database: those that the lab holds open, and ending those of the service.

A held session sends all its statements as one text, and the server shows the last text of every session. So the server
itself can report what is held. All of them carry one mark, by which healing finds them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from lab.model import Action, EndSessions, HeldSession, LabError, State, StoreState, Undo
from lab.runtime.effects import about_to
from lab.runtime.stores import SESSIONS
from lab.runtime.stores.connection import TIMEOUT_S, Connection, SilentError, connect, reaching

ACTUATOR = "failure-lab-actuator"  # the session that asks and ends; carries no mark
SERVICE_ROLE = "app"
BEGIN = "BEGIN"
SEPARATOR = "; "
OPENERS = 8
POLL_S = 0.002

# A session of ours is in place if it has run its statements, or queues for a lock behind another one of ours.
IN_PLACE = """
    SELECT pid, query, coalesce(wait_event_type = 'Lock', false) AS queues FROM pg_stat_activity
    WHERE application_name = %(mark)s AND (
        state = 'idle in transaction'
        OR state = 'idle' AND query = ''
        OR wait_event_type = 'Lock' AND pg_blocking_pids(pid) && (
            SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = %(mark)s))
"""
END = """
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = %(mark)s AND pid <> ALL(%(kept)s)
"""
LEFT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %(mark)s AND pid <> ALL(%(kept)s)"
END_SERVICE = (
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %(role)s"
)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What was requested, and the sessions opened for it."""

    session: HeldSession
    connections: list[Connection] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        return [connection.info.backend_pid for connection in self.connections if not connection.closed]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


class DatabaseActuator:
    """`lab.ports.Actuator` and `Performer` of the database at `dsn`; `mark` is what its sessions are called."""

    healthy: State = StoreState()

    def __init__(self, dsn: str, mark: str) -> None:
        self._dsn = dsn
        self._mark = mark
        self._asked = StoreState()
        self._held: list[Held] = []
        self._own: Connection | None = None

    def undo(self) -> tuple[Undo, ...]:
        return (Undo(how=SESSIONS, details={"dsn": self._dsn}),)

    def get(self) -> StoreState:
        """The state as the server reports it: every session of ours in place, even if another lab left it behind."""
        with reaching():
            found = Counter(statements(str(query)) for _pid, query, _queues in self._ask(IN_PLACE))
        return StoreState(held=tuple(in_order(self._asked.held, found)))

    def set(self, state: State) -> StoreState:
        """End what is not wanted, then open what is missing, in order: the order decides which waits for which."""
        if not isinstance(state, StoreState):
            raise TypeError(f"a database cannot be in {state}")
        give_up = time.monotonic() + TIMEOUT_S
        self._asked = state
        with reaching():
            missing = self._end_unwanted(state.held, give_up)
            for session in missing:
                self._hold(session, give_up)
        return self.get()

    def perform(self, action: Action) -> int:
        """End every session of the service; returns how many there were."""
        if not isinstance(action, EndSessions):
            raise TypeError(f"a database cannot do {action}")
        about_to("end the sessions of the service")
        with reaching():
            return int(self._ask(END_SERVICE)[0][0])

    def close(self) -> None:
        """Close every connection; what they held ends with them."""
        for held in self._held:
            held.close()
        self._held.clear()
        if self._own is not None:
            self._own.close()
            self._own = None

    def _end_unwanted(self, wanted: Sequence[HeldSession], give_up: float) -> list[HeldSession]:
        """What is wanted and not held yet. Ends every other session with our mark, known or not."""
        missing, kept, unwanted = list(wanted), [], []
        for held in self._held:
            if held.session in missing:
                missing.remove(held.session)
                kept.append(held)
            else:
                unwanted.append(held)
        pids = [pid for held in kept for pid in held.pids]
        about_to("end sessions of the database")
        self._ask(END, kept=pids)
        for held in unwanted:
            held.close()
        self._held = kept
        while self._ask(LEFT, kept=pids)[0][0]:
            _pause(give_up, "Sessions of the lab do not end.")
        return missing

    def _hold(self, session: HeldSession, give_up: float) -> None:
        """Open the sessions of `session`; return when they are in place."""
        held = Held(session=session)
        self._held.append(held)  # at once, so that half-open sessions are ended too
        about_to("hold sessions of the database")
        with ThreadPoolExecutor(min(OPENERS, session.count), "session") as threads:
            opening = [threads.submit(connect, self._dsn, self._mark) for _ in range(session.count)]
            for opened in opening:
                with suppress(psycopg.Error):
                    held.connections.append(opened.result())
        for opened in opening:
            opened.result()
        if not session.statements:
            return
        for connection in held.connections:
            connection.pgconn.send_query(text(session.statements).encode())
        waiting = list(held.connections)
        while waiting := [connection for connection in waiting if not _has_done(connection)]:
            queue = {pid for pid, _query, queues in self._ask(IN_PLACE) if queues}
            if queue.issuperset(connection.info.backend_pid for connection in waiting):
                return
            _pause(give_up, f"A session of the lab cannot complete {text(session.statements)!r}.")

    def _ask(self, query: str, **more: Any) -> list[tuple[Any, ...]]:
        """The rows of `query`, on our own session, which is reopened if the server was restarted meanwhile."""
        values = {"mark": self._mark, "role": SERVICE_ROLE, **more}
        if self._own is not None:
            try:
                return self._own.execute(query, values).fetchall()
            except SilentError:
                raise
            except psycopg.OperationalError:
                self._own.close()
        self._own = connect(self._dsn, ACTUATOR)
        return self._own.execute(query, values).fetchall()


def text(statements: Iterable[str]) -> str:
    """The text that a held session sends, all at once."""
    return SEPARATOR.join((BEGIN, *statements))


def statements(query: str) -> tuple[str, ...]:
    """The statements in the text `query`; none if the session never sent any."""
    return tuple(query.split(SEPARATOR)[1:])


def in_order(asked: Iterable[HeldSession], found: Counter[tuple[str, ...]]) -> Iterator[HeldSession]:
    """What was found, in the order in which it was requested; the rest comes last."""
    left = Counter(found)
    for session in asked:
        if count := min(session.count, left[session.statements]):
            left[session.statements] -= count
            yield HeldSession(statements=session.statements, count=count)
    for told, count in left.items():
        if count:
            yield HeldSession(statements=told, count=count)


def _has_done(connection: Connection) -> bool:
    """Whether the session has run its statements. Raises LabError if one failed or found nothing to hold."""
    while True:
        connection.pgconn.consume_input()
        if connection.pgconn.is_busy():
            return False
        result = connection.pgconn.get_result()
        if result is None:
            return True
        if result.status == ExecStatus.FATAL_ERROR:
            raise LabError(f"A session of the lab failed: {(result.error_message or b'').decode().strip()}")
        if result.status == ExecStatus.TUPLES_OK and not result.ntuples:
            raise LabError("A session of the lab found no row to lock: no row matches the fault.")


def _pause(give_up: float, problem: str) -> None:
    if time.monotonic() > give_up:
        raise LabError(f"{problem} The lab waited for {TIMEOUT_S:g} s.")
    time.sleep(POLL_S)
