"""Waits until an instant without losing the milliseconds that gevent's event loop rounds away.

libev's timeouts are whole milliseconds. A timerfd is a file that becomes readable at an instant of the monotonic clock,
and the loop watches files precisely. Never spin instead: that delays the reading of answers, and the service looks
slow.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time

import gevent

CLOCK_MONOTONIC = 1
NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
ABSOLUTE = 1
READABLE = 1
NANOSECONDS = 1_000_000_000


class SleepWaiter:
    """On any system: up to a millisecond late."""

    def until(self, at: float) -> None:
        gevent.sleep(max(0.0, at - time.monotonic()))


class TimerfdWaiter:
    """On Linux: a tenth of that."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(CLOCK_MONOTONIC, NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._watcher = gevent.get_hub().loop.io(self._fd, READABLE)
        self._value = (ctypes.c_int64 * 4)()  # interval and value, each in seconds and nanoseconds

    def until(self, at: float) -> None:
        if at <= time.monotonic():
            gevent.sleep(0)  # late already: still let the requests in flight run
            return
        self._value[2], self._value[3] = divmod(int(at * NANOSECONDS), NANOSECONDS)
        self._libc.timerfd_settime(self._fd, ABSOLUTE, ctypes.byref(self._value), None)
        gevent.get_hub().wait(self._watcher)
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)


def make_waiter() -> SleepWaiter | TimerfdWaiter:
    """The most precise waiter of this system."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return TimerfdWaiter()
    return SleepWaiter()
