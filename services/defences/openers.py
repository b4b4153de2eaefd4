"""The threads that open a pool's missing connections, a few at a time, so that no request has to.

While the database is away, only one of them keeps trying. An attempt that has taken HUNG_S may never end, for example
where a network drops packets, so another is made alongside it.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from services.defences import circuit_breaker, deadline

CONNECT_S, HUNG_S = 5.0, 2.0  # ten round trips of half a second, and four
OPENERS_MAX = 4  # and as many more whose attempts hang
RETRY_S, RETRY_MAX_S, RETRY_GROWTH = 0.05, 0.25, 1.25  # between attempts


class Openers:
    """The openers of one pool, under the defences of `app`. Whoever calls `start` must hold the lock `changed`."""

    def __init__(self, app: Flask, changed: threading.Condition, missing: Callable[[], int]) -> None:
        self._app, self._changed, self._missing = app, changed, missing
        self._began_at: dict[int, float] = {}  # by thread: when its attempt began
        self.count = 0
        self.away = False  # whether the last attempt failed
        self.closed = False

    def start(self, connect: Callable[[], Any], add: Callable[[Any], None]) -> None:
        """Start as many as are missing: each calls `connect`, and `add` with the new connection."""
        while not self.closed and self._hopeful() < min(1 if self.away else OPENERS_MAX, self._missing()):
            try:
                threading.Thread(target=self._open, args=[connect, add], name="pool", daemon=True).start()
            except RuntimeError:  # there are too many threads just now: the pool will soon try again
                return
            self.count += 1

    def _hopeful(self) -> int:
        """How many openers may soon succeed."""
        hung = sum(began_at < time.monotonic() - HUNG_S for began_at in self._began_at.values())
        return self.count - min(hung, OPENERS_MAX)

    def _open(self, connect: Callable[[], Any], add: Callable[[Any], None]) -> None:
        pause_s = RETRY_S
        with self._app.app_context():
            while self._goes_on(pause_s):
                try:
                    with deadline.at_most(CONNECT_S):
                        connection = connect()
                except Exception as error:  # noqa: BLE001  whatever it is, the next attempt is a pause away
                    circuit_breaker.learn("database", error)
                    self.away = True
                    pause_s = min(pause_s * RETRY_GROWTH, RETRY_MAX_S)
                else:
                    circuit_breaker.learn("database", None)
                    self.away = False
                    pause_s = RETRY_S
                    add(connection)

    def _goes_on(self, pause_s: float) -> bool:
        """Whether this opener should try to open another connection; waits first if its last attempt failed."""
        me, failed = threading.get_ident(), pause_s > RETRY_S
        with self._changed:
            self._began_at.pop(me, None)
            enough = self.closed or self._hopeful() > self._missing()
            if enough or (failed and self._hopeful() > 1):
                self.count -= 1
                return False
            if failed:
                self._changed.wait_for(lambda: self.closed, random.uniform(pause_s / 2, pause_s))
            self._began_at[me] = time.monotonic()
            return True
