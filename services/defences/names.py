"""Names: looks up the addresses of a host within a time limit. getaddrinfo(3) blocks, and no socket timeout ends it.

At most one thread looks up a name, however many requests ask. Results are reused for FRESH_S, and for longer if the
next lookup fails or takes more than PATIENCE_S: an old address that works is better than none.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from services.defences.switch import state

FRESH_S = 30.0
PATIENCE_S = 0.05  # for a lookup when an old address is known: connecting needs the rest of the budget


def addresses(host: str, within_s: float) -> list[str]:
    """The addresses of `host`, the preferred one first. Raises OSError if there are none in time."""
    names: Names = state("names", lambda: Names(socket.getaddrinfo))
    return names.addresses(host, within_s)


class Names:
    """The names that one app has looked up."""

    def __init__(
        self,
        lookup: Callable[..., Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lookup, self._clock = lookup, clock
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, list[str]]] = {}
        self._running: dict[str, threading.Thread] = {}
        self._failed: dict[str, OSError] = {}

    def addresses(self, host: str, within_s: float) -> list[str]:
        if _is_address(host):
            return [host]
        with self._lock:
            found_at, found = self._found.get(host, (float("-inf"), []))
            if self._clock() - found_at < FRESH_S:
                return found
            if host not in self._running:
                thread = threading.Thread(target=self._look_up, args=[host], daemon=True)
                thread.start()  # before the next line: if it raises, no lookup is running
                self._running[host] = thread
            running = self._running[host]
        running.join(max(0.0, min(within_s, PATIENCE_S) if found else within_s))
        with self._lock:
            _, found = self._found.get(host, (0.0, []))
            if found:
                return found
            raise self._failed.get(host) or TimeoutError(f"the name {host} was not resolved in time")

    def _look_up(self, host: str) -> None:
        found, error = [], None
        try:
            answers = self._lookup(host, None, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(answer[4][0] for answer in answers))
        except (OSError, UnicodeError) as failed:
            error = failed if isinstance(failed, OSError) else OSError(str(failed))
        with self._lock:
            del self._running[host]
            self._failed.pop(host, None)
            if found:
                self._found[host] = (self._clock(), found)
            elif error:
                self._failed[host] = error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
