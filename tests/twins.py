"""What the tests of the twins share: how to ask one, look into its database, and make two requests meet."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
from sqlalchemy import event

from services.common.auth import token

KEY = "behaviour-key"
HEADERS = {"Authorization": f"Bearer {token(KEY, operator=True)}"}
SIZES = {"users": 30, "rooms": 3, "bookings": 90, "wallets": 30}
SLOT = {
    "user_id": 1,
    "room_id": 1,
    "starts_at": "2030-01-01T10:00:00Z",
    "ends_at": "2030-01-01T11:30:00Z",
    "reference": "intent-1",
}
PROFILE = {"display_name": "Ada", "bio": "", "reference": "intent-1"}
MEETING_S = 5.0  # how long one request waits in the gap for the other, at most
LOCKED_OUT = "SELECT FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'"

# A twin and its defences. The one in the middle must do as naive does.
NAIVE, UNDEFENDED, HARDENED = ("naive", "none"), ("hardened", "none"), ("hardened", "all")


def ask(app, method: str, path: str, body: dict | None = None, key: str = "", **headers: str):
    """The answer of `app`; `If_Match="…"` sends the header If-Match."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = HEADERS | ({"Idempotency-Key": key} if key else {}) | sent
    return app.test_client().open(path, method=method, json=body, headers=sent)


def together(*requests: Callable) -> list[int]:
    """The sorted statuses of requests made at one time."""
    with ThreadPoolExecutor(len(requests)) as pool:
        answers = [pool.submit(request) for request in requests]
        return sorted(answer.result().status_code for answer in answers)


def rows(owner: str, query: str) -> list[tuple]:
    with psycopg.connect(owner) as connection:
        return connection.execute(query).fetchall()


def change(owner: str, statement: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute(statement)


@contextmanager
def meeting_after(app, owner: str, statement: str):
    """In the block, two requests of `app` wait for each other once each has run its first `statement`.

    The first goes on alone as soon as the other waits for a lock of its, and so cannot come.
    """
    came, mine = [], threading.local()
    engine = app.extensions["engine"]

    def meet(connection, cursor, text, *rest):
        if statement in text and not getattr(mine, "came", False):
            mine.came = True
            came.append(text)
            ends_at = time.monotonic() + MEETING_S
            while len(came) < 2 and not rows(owner, LOCKED_OUT) and time.monotonic() < ends_at:
                time.sleep(0.01)

    event.listen(engine, "after_cursor_execute", meet)
    yield
    event.remove(engine, "after_cursor_execute", meet)


@contextmanager
def dying_before(app, owner: str, statement: str):
    """In the block, the server ends the connection of `app` that is about to run `statement`; it must come to that."""
    engine, killed = app.extensions["engine"], []

    def kill(connection, cursor, text, *rest):
        if statement in text:
            killed.append(connection.connection.dbapi_connection.info.backend_pid)
            change(owner, f"SELECT pg_terminate_backend({killed[-1]}, 20000)")

    event.listen(engine, "before_cursor_execute", kill)
    yield
    event.remove(engine, "before_cursor_execute", kill)
    assert killed
