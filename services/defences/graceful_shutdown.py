"""Graceful shutdown: on SIGTERM say "not ready" first, then stop accepting, finish what is in flight, close the pool.

Guards the requests of an ordinary day: every deployment stops a process, and a request sent to it a moment too late
gets a reset. Readiness turns off LEAD_S before the server stops accepting, so that a load balancer can take it out of
rotation in time.
Costs LEAD_S on every stop.
Hurts alone when nobody asks /readyz: then it only makes the stop slower. And it does not help against SIGKILL.
Awaits S37: a rolling deploy under load, without losing a request.
"""

import atexit
import signal
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from services.defences.switch import on, state

LEAD_S = 0.5


def init_app(app: Flask, close: Callable[[], None]) -> None:
    """Act before the server's SIGTERM handler, which stops accepting and waits for requests in flight; then `close`.

    Installs nothing if the server has no such handler (a test, `flask run`).
    """
    with app.app_context():
        stop = signal.getsignal(signal.SIGTERM)
        if on("graceful_shutdown") and callable(stop):
            signal.signal(signal.SIGTERM, Drain(_flag(), stop, close))


def draining() -> bool:
    """Whether this process has been told to stop."""
    return _flag().is_set()


def _flag() -> threading.Event:
    return state("graceful_shutdown", threading.Event)


class Drain:
    """The SIGTERM handler: turns readiness off now, and calls the server's own handler LEAD_S later."""

    def __init__(
        self, flag: threading.Event, stop: Callable[[int, Any], Any], close: Callable[[], None]
    ) -> None:
        self._flag, self._stop, self._close = flag, stop, close

    def __call__(self, number: int, _: Any) -> None:
        if self._flag.is_set():
            return  # the signal may come twice, to the process group and from the server: once is enough
        self._flag.set()
        atexit.register(self._close)  # the server ends its worker by sys.exit when the requests are done
        signal.signal(signal.SIGALRM, lambda _, frame: self._stop(number, frame))
        signal.setitimer(signal.ITIMER_REAL, LEAD_S)
