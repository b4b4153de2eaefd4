"""Loopback ports that nobody else takes before, during or between their use.

A port that was only checked may be gone a moment later, and a proxy that is down frees its port mid-run. On Linux, a
socket that is bound but does not listen reserves it: servers, which use SO_REUSEADDR, can still bind it, while other
labs, which check without it, see it taken. A connection to it is refused, as it should be. On other systems ports are
only checked.
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterator

from lab.model import LabError

LOOPBACK = "127.0.0.1"
# Below 32768, where the kernel's ports for outgoing connections begin.
LOWEST, HIGHEST = 20_000, 32_767
ATTEMPTS_MAX = 200


class Ports:
    """Ports reserved until `release`, or until this process ends."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def reserve(self) -> int:
        """A port that is free on 127.0.0.1 and stays ours."""
        for port in _candidates():
            holder = _bound(port)
            if holder is not None:
                self._held.append(holder)
                return port
        raise LabError(
            f"No free port found on {LOOPBACK} between {LOWEST} and {HIGHEST}. See what listens there: ss -ltn"
        )

    def release(self) -> None:
        """Give all ports back. Servers that listen on them keep them."""
        while self._held:
            self._held.pop().close()


def _candidates() -> Iterator[int]:
    """Ports to try: ATTEMPTS_MAX at random, which nearly always include a free one; then all, in random order."""
    every = range(LOWEST, HIGHEST + 1)
    yield from random.sample(every, ATTEMPTS_MAX)
    yield from random.sample(every, len(every))


def _bound(port: int) -> socket.socket | None:
    """A socket bound to `port`; None if the port is taken."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.bind((LOOPBACK, port))
    except OSError:
        holder.close()
        return None
    if sys.platform == "linux":
        # Only now: with the option set before, binding would not notice another holder.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        holder.close()
    return holder
